/*
 * The table of commands: what berthctl parses, says in --help and completes
 */
#include "ctl.h"

const struct ctl_option ctl_common_options[] = {
	{ CTL_OPTION_CONTROL, "control", "PATH", CTL_FILE, "the control socket, instead of $BERTH_CONTROL" },
	{ CTL_OPTION_JSON, "json", NULL, NULL, "the answer as JSON, for programs" },
	{ 'h', "help", NULL, NULL, "this text" },
	{ 'V', "version", NULL, NULL, "the version of berthctl" },
	{ 0 },
};

static const struct ctl_option check_options[] = {
	{ 'c', NULL, "FILE", CTL_FILE, "berth.json, whose defaults apply" },
	{ 's', NULL, "DIR", CTL_DIRECTORY, "a service directory; the first that has a file's name wins" },
	{ 0 },
};

static const struct ctl_option explain_options[] = {
	{ 'p', "peer", "ADDR", NULL, "the client: an address, or uid:1000 on a unix socket" },
	{ 0 },
};

const struct ctl_command ctl_commands[] = {
	{ "check", "[-c FILE] [-s DIR]... [FILE|DIR]...",
	    "read configuration files and tell what is wrong", ctl_check, CTL_FILE,
	    .options = check_options, .no = "a file is bad", .offline = true,
	    .examples = "berthctl check ./finger.json\nberthctl check -s /etc/berth/services.d\n" },
	{ "status", "[--all]", "how berthd is, what is wrong, and what to do about it", ctl_status,
	    .options = (const struct ctl_option[]){
		{ 'a', "all", NULL, NULL, "every problem, however many there are" }, { 0 } },
	    .no = "something is wrong", .examples = "berthctl status\nberthctl status --json | jq -r .health\n" },
	{ "list", "[--names]", "services, their endpoints and state", ctl_list,
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_NAMES, "names", NULL, NULL, "the names only, one a line" }, { 0 } },
	    .examples = "berthctl list\nberthctl list --json | jq '.services[].name'\n" },
	{ "show", "SERVICE", "state and configuration of a service, and where each value came from",
	    ctl_show, CTL_SERVICE, .no = "there is no such service",
	    .examples = "berthctl show finger\n" },
	{ "connections", "[--exact|--names] [SERVICE]", "live handlers, and what each of them does",
	    ctl_connections, CTL_SERVICE, .no = "there is no such service",
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_EXACT, "exact", NULL, NULL, "bytes to the last one" },
		{ CTL_OPTION_NAMES, "names", NULL, NULL, "the numbers only, one a line" }, { 0 } },
	    .examples = "berthctl connections\nberthctl connections --exact rsync\n" },
	{ "explain", "SERVICE --peer ADDR", "what a connection of this client would get now, and why",
	    ctl_explain, CTL_SERVICE, .options = explain_options,
	    .no = "it would be refused; there is no such service",
	    .examples = "berthctl explain finger --peer 192.0.2.7\n" },
	{ "penalties", "[--forgive PREFIX|all] [SERVICE]",
	    "sources whose connections ended badly; forgive them", ctl_penalties, CTL_SERVICE,
	    .no = "there is nothing to forgive; there is no such service",
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_FORGIVE, "forgive", "PREFIX", "all", "set the balance of these sources to 0" },
		{ 0 } },
	    .examples = "berthctl penalties\nberthctl penalties --forgive 192.0.2.0/24 finger\n" },
	{ "reload", "[--dry-run]", "read the configuration again, and wait until it is in force",
	    ctl_reload, .no = "a file is bad, or an endpoint waits",
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_DRY_RUN, "dry-run", NULL, NULL, "change nothing: only tell what would change" },
		{ 0 } },
	    .examples = "berthctl reload --dry-run\nberthctl reload\n" },
	{ "pause", "SERVICE", "start no more handlers of a service: its clients wait", ctl_pause,
	    CTL_SERVICE, .no = "there is no such service", .examples = "berthctl pause finger\n" },
	{ "resume", "SERVICE", "undo pause and drain", ctl_resume, CTL_SERVICE,
	    .no = "there is no such service", .examples = "berthctl resume finger\n" },
	{ "drain", "SERVICE|--all [--deadline TIME]",
	    "serve who waits, accept no more, and wait until the last handler has ended", ctl_drain,
	    CTL_SERVICE, .no = "it was resumed before the end; there is no such service",
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_ALL, "all", NULL, NULL, "every service" },
		{ CTL_OPTION_DEADLINE, "deadline", "TIME", NULL, "end the handlers that still live then, as 60s" },
		{ 0 } },
	    .examples = "berthctl drain finger\nberthctl drain --all --deadline 60s\n" },
	{ "kill", "CONNECTION|--service SERVICE|--peer PREFIX",
	    "end live handlers; what is said has to be true of each", ctl_kill, CTL_CONNECTION,
	    .no = "there is none to end, or no such service",
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_SERVICE, "service", "SERVICE", CTL_SERVICE, "of this service" },
		{ CTL_OPTION_PEER, "peer", "PREFIX", NULL, "of these clients: an address, a prefix, or uid:1000" },
		{ 0 } },
	    .examples = "berthctl kill 4711\nberthctl kill --service finger --peer 192.0.2.0/24\n" },
	{ "enable", "SERVICE", "undo disable", ctl_enable, CTL_SERVICE,
	    .no = "its file says that it is not enabled; there is no such service",
	    .examples = "berthctl enable finger\n" },
	{ "disable", "SERVICE", "close a service, for longer than berthd and the machine run", ctl_disable,
	    CTL_SERVICE, .no = "there is no such service", .examples = "berthctl disable finger\n" },
	{ "log-level", "[LEVEL]", "tell which records are written to the log, or set it",
	    ctl_log_level, "error warning notice info debug",
	    .examples = "berthctl log-level\nberthctl log-level debug\n" },
	{ "metrics", "[--http|--text]", "all counters, for Prometheus", ctl_metrics,
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_HTTP, "http", NULL, NULL, "serve one HTTP request on descriptors 0 and 1" },
		{ CTL_OPTION_TEXT, "text", NULL, NULL, "not OpenMetrics, but the text format before it" },
		{ 0 } },
	    .examples = "berthctl metrics\nberthctl metrics --text | promtool check metrics\n" },
	{ "page", "[--http]", "the status page, as HTML for browsers", ctl_page,
	    .options = (const struct ctl_option[]){
		{ CTL_OPTION_HTTP, "http", NULL, NULL, "serve one HTTP request on descriptors 0 and 1" },
		{ 0 } },
	    .examples = "berthctl page >berth.html\n" },
	{ "monitor", "[--recorded] [-n N] [--service SERVICE]",
	    "what happens: connections that start, end and are refused", ctl_monitor,
	    .options = (const struct ctl_option[]){
		{ 's', "service", "SERVICE", CTL_SERVICE, "of this service only" },
		{ 'n', "past", "N", NULL, "begin with the last N that were recorded" },
		{ CTL_OPTION_RECORDED, "recorded", NULL, NULL,
		    "those that were recorded, and no more; needs no berthd" }, { 0 } },
	    .no = "there is no such service",
	    .examples = "berthctl monitor --service finger\nberthctl monitor --recorded --json | jq .peer\n" },
	{ "new", "[--directory DIR] [--listen ENDPOINT] [--exec PROGRAM] [--user USER] NAME",
	    "write a service file to begin with", ctl_new,
	    .options = (const struct ctl_option[]){
		{ 'd', "directory", "DIR", CTL_DIRECTORY, "where NAME.json is written; here" },
		{ CTL_OPTION_LISTEN, "listen", "ENDPOINT", NULL, "what it listens on; tcp:127.0.0.1:7000" },
		{ CTL_OPTION_EXEC, "exec", "PROGRAM", CTL_PROGRAM, "what serves a connection; /bin/cat" },
		{ CTL_OPTION_USER, "user", "USER", CTL_USER, "whom it runs as; nobody, where you are root" },
		{ 0 } },
	    .offline = true, .no = "there is such a file, or it cannot be written",
	    .examples = "berthctl new finger --listen tcp:79 --exec /usr/sbin/in.fingerd\n" },
	{ "schema", "[service|settings]", "JSON Schema of a service file, or of berth.json",
	    ctl_schema, "service settings", .offline = true,
	    .examples = "berthctl schema >service.schema.json\nberthctl schema settings\n" },
	{ "top", "[-d DURATION] [--once] [SERVICE]", "a screen that shows what happens now; ? there tells its keys",
	    ctl_top, CTL_SERVICE,
	    .options = (const struct ctl_option[]){
		{ 'd', "interval", "DURATION", "500ms 1s 2s 5s", "how often to look, instead of 2s" },
		{ CTL_OPTION_ONCE, "once", NULL, NULL, "print once, with the rates of one interval" }, { 0 } },
	    .no = "--once: there is no such service",
	    .examples = "berthctl top\nberthctl top -d 500ms finger\nberthctl top --once --json | "
		"jq '.services[] | {name, rates}'\n" },
	{ "completion", "bash|zsh", "a script that completes berthctl's command line", ctl_completion,
	    "bash zsh", .offline = true,
	    .examples = ". <(berthctl completion bash)\n" },
	{ "help", "[COMMAND]", "this text, or how a command is used", ctl_help, CTL_COMMAND,
	    .offline = true },
	{ 0 },
};

bool
ctl_has_letter(const struct ctl_option *o)
{
	return o->letter < CTL_OPTION_CONTROL;
}
