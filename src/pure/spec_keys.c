/* spec_keys - the table: every key of a service file and of berth.json, once */
#include <stddef.h>

#include "spec_table.h"

#define NEW SPEC_EFFECT_NEW_HANDLERS
#define SERVICE(member) .offset = offsetof(struct service, member)
#define SETTINGS(member) .offset = offsetof(struct settings, member)

static const struct spec_word stderrs[] = {
	{ "log", SPEC_STDERR_LOG }, { "socket", SPEC_STDERR_SOCKET }, { "null", SPEC_STDERR_NULL },
	{ NULL, 0 }
};

static const struct spec_word targets[] = {
	{ "auto", SPEC_LOG_AUTO }, { "stderr", SPEC_LOG_STDERR }, { "syslog", SPEC_LOG_SYSLOG },
	{ "journal", SPEC_LOG_JOURNAL }, { NULL, 0 }
};

static const struct spec_word formats[] = {
	{ "text", SPEC_LOG_TEXT }, { "json", SPEC_LOG_JSON }, { NULL, 0 }
};

/* syslog(3) numbers */
const struct spec_word spec_keys_levels[] = {
	{ "error", 3 }, { "warning", 4 }, { "notice", 5 }, { "info", 6 }, { "debug", 7 },
	{ NULL, 0 }
};

/* ---- a service file ---- */

static const struct spec_key process_keys[] = {
	{ "environment", &spec_type_environment, SERVICE(process.environment), .fallback = "{}",
	    .effect = NEW, .doc = "Variables for the program, by name; not those that berth sets." },
	{ "pass_environment", &spec_type_pass_environment, SERVICE(process.pass_environment),
	    .fallback = "[]", .effect = NEW, .doc = "Variables of berthd's own to pass on." },
	{ "working_directory", &spec_type_path, SERVICE(process.working_directory),
	    .fallback = "\"/\"", .effect = NEW, .doc = "Directory that the program starts in." },
	{ "umask", &spec_type_mode, SERVICE(process.umask), .fallback = "\"022\"", .effect = NEW,
	    .doc = "File mode creation mask, octal." },
	{ "nice", &spec_type_int, SERVICE(process.nice), .min = -20, .max = 19, .fallback = "0",
	    .effect = NEW, .doc = "Scheduling priority." },
	{ "oom_score_adj", &spec_type_oom_score_adj, SERVICE(process.oom_score_adj), .min = -1000,
	    .max = 1000, .effect = NEW, .doc = "How readily the kernel kills it when memory runs out." },
	{ "rlimits", &spec_type_rlimits, SERVICE(process.rlimits), .fallback = "{}", .effect = NEW,
	    .doc = "Resource limits (setrlimit) by their names in lower case." },
	{ .name = NULL }
};

static const struct spec_key timeouts_keys[] = {
	{ "lifetime", &spec_type_duration, SERVICE(timeouts.lifetime_ns), .effect = NEW,
	    .flags = SPEC_NONE, .doc = "A handler is ended after this long." },
	{ "stop", &spec_type_duration, SERVICE(timeouts.stop_ns), .fallback = "\"10s\"",
	    .effect = NEW, .flags = SPEC_NONE, .doc = "From SIGTERM to SIGKILL." },
	{ .name = NULL }
};

static const struct spec_key limits_keys[] = {
	{ "connections", &spec_type_count, SERVICE(limits.connections), .min = 1, .max = 1000000,
	    .fallback = "100", .effect = SPEC_EFFECT_LIVE, .flags = SPEC_NONE,
	    .doc = "Live handlers of this service at once." },
	{ .name = NULL }
};

static const struct spec_key socket_keys[] = {
	{ "backlog", &spec_type_int, SERVICE(socket.backlog), .min = 1, .max = 1000000,
	    .fallback = "4096", .effect = SPEC_EFFECT_LISTENER,
	    .doc = "Connections that may wait in the kernel." },
	{ "keep_alive", &spec_type_bool, SERVICE(socket.keep_alive), .fallback = "true",
	    .effect = SPEC_EFFECT_LISTENER, .doc = "SO_KEEPALIVE on TCP connections." },
	{ "no_delay", &spec_type_bool, SERVICE(socket.no_delay), .fallback = "true",
	    .effect = SPEC_EFFECT_LISTENER, .doc = "TCP_NODELAY on TCP connections." },
	{ "free_bind", &spec_type_bool, SERVICE(socket.free_bind), .fallback = "true",
	    .effect = SPEC_EFFECT_LISTENER, .doc = "Bind addresses that this host does not have." },
	{ "bind_to_device", &spec_type_device, SERVICE(socket.bind_to_device),
	    .effect = SPEC_EFFECT_REBIND, .doc = "Only packets of this network device." },
	{ "mode", &spec_type_mode, SERVICE(socket.mode), .fallback = "\"0660\"",
	    .effect = SPEC_EFFECT_LISTENER, .doc = "Mode of a unix socket's path, octal." },
	{ "owner", &spec_type_user, SERVICE(socket.owner), .effect = SPEC_EFFECT_LISTENER,
	    .doc = "Owner of a unix socket's path." },
	{ "group", &spec_type_group, SERVICE(socket.group), .effect = SPEC_EFFECT_LISTENER,
	    .doc = "Group of a unix socket's path." },
	{ .name = NULL }
};

static const struct spec_key log_keys[] = {
	{ "connections", &spec_type_bool, SERVICE(log.connections), .fallback = "true",
	    .effect = NEW, .doc = "A line for each start and each exit." },
	{ .name = NULL }
};

const struct spec_key spec_keys_service[] = {
	{ "description", &spec_type_text, SERVICE(description), .flags = SPEC_OWN,
	    .doc = "For people." },
	{ "enabled", &spec_type_bool, SERVICE(enabled), .fallback = "true", .flags = SPEC_OWN,
	    .effect = SPEC_EFFECT_REBIND, .doc = "false: read and shown, but not opened." },
	{ "listen", &spec_type_listen, .flags = SPEC_REQUIRED | SPEC_OWN,
	    .effect = SPEC_EFFECT_REBIND,
	    .doc = "Endpoints: KIND:[HOST:]PORT or KIND:PATH, as in \"tcp:7777\"." },
	{ "exec", &spec_type_exec, SERVICE(exec), .flags = SPEC_REQUIRED | SPEC_OWN, .effect = NEW,
	    .doc = "The program, by its absolute path, and its arguments." },
	{ "argv0", &spec_type_filled_text, SERVICE(argv0), .flags = SPEC_OWN, .effect = NEW,
	    .doc = "What the program sees as its own name, if not the path." },
	{ "stderr", &spec_type_word, SERVICE(stderr_to), .words = stderrs, .fallback = "\"log\"",
	    .effect = NEW, .doc = "Where the program's standard error goes." },
	{ "user", &spec_type_user, SERVICE(user), .effect = NEW,
	    .doc = "Whom the program runs as; required when berthd runs as root." },
	{ "group", &spec_type_group, SERVICE(group), .effect = NEW,
	    .doc = "Instead of the user's primary group." },
	{ "groups", &spec_type_groups, .effect = NEW,
	    .doc = "Instead of the user's supplementary groups." },
	{ "process", .inside = process_keys, .doc = "What the program finds itself in." },
	{ "timeouts", .inside = timeouts_keys, .doc = "When a handler is ended." },
	{ "limits", .inside = limits_keys, .doc = "How much at once." },
	{ "socket", .inside = socket_keys, .doc = "Options of the listening sockets." },
	{ "log", .inside = log_keys, .doc = "What is logged." },
	{ .name = NULL }
};

/* ---- berth.json ---- */

static const struct spec_key control_keys[] = {
	{ "socket", &spec_type_path, SETTINGS(control_socket), .effect = SPEC_EFFECT_RESTART,
	    .doc = "Path of the control socket." },
	{ "group", &spec_type_group, SETTINGS(control_group), .effect = SPEC_EFFECT_RESTART,
	    .doc = "Group that may connect to it." },
	{ .name = NULL }
};

static const struct spec_key settings_log_keys[] = {
	{ "target", &spec_type_word, SETTINGS(log_target), .words = targets,
	    .fallback = "\"auto\"", .effect = SPEC_EFFECT_LIVE, .doc = "Where the log goes." },
	{ "format", &spec_type_word, SETTINGS(log_format), .words = formats,
	    .fallback = "\"text\"", .effect = SPEC_EFFECT_LIVE, .doc = "How a line is written." },
	{ "level", &spec_type_word, SETTINGS(log_level), .words = spec_keys_levels,
	    .fallback = "\"info\"", .effect = SPEC_EFFECT_LIVE,
	    .doc = "The least important level that is written." },
	{ .name = NULL }
};

static const struct spec_key settings_limits_keys[] = {
	{ "connections", &spec_type_count, SETTINGS(limits_connections), .min = 1, .max = 1000000,
	    .effect = SPEC_EFFECT_LIVE, .flags = SPEC_NONE,
	    .doc = "Live handlers of all services together; computed when not given." },
	{ .name = NULL }
};

const struct spec_key spec_keys_settings[] = {
	{ "services", &spec_type_paths, SETTINGS(services), .effect = SPEC_EFFECT_RESTART,
	    .doc = "Directories of service files; the first that has a name wins." },
	{ "control", .inside = control_keys, .doc = "The control socket." },
	{ "log", .inside = settings_log_keys, .doc = "berthd's log." },
	{ "limits", .inside = settings_limits_keys, .doc = "Limits of all services together." },
	{ "stop_grace", &spec_type_stop_grace, SETTINGS(stop_grace_ns), .fallback = "\"30s\"",
	    .effect = SPEC_EFFECT_LIVE,
	    .doc = "How long handlers may go on when berthd stops; \"leave\": for ever." },
	{ "defaults", &spec_type_defaults, .effect = SPEC_EFFECT_LIVE,
	    .doc = "Keys of a service file, put under every service." },
	{ .name = NULL }
};
