/* spec_keys - the table: every key of a service file and of berth.json, once */
#include <stddef.h>

#include "spec_table.h"

#define NEW SPEC_EFFECT_NEW_HANDLERS
#define LIVE .effect = SPEC_EFFECT_LIVE
#define NONE .flags = SPEC_NONE
#define COUNT_MAX 1000000
#define SERVICE(member) .offset = offsetof(struct service, member)
#define SETTINGS(member) .offset = offsetof(struct settings, member)

static const struct spec_word stderrs[] = {
	{ "log", SPEC_STDERR_LOG }, { "socket", SPEC_STDERR_SOCKET }, { "null", SPEC_STDERR_NULL },
	{ NULL, 0 }
};

static const struct spec_word sockets_as[] = {
	{ "stdio", SPEC_STDIO }, { "listen_fds", SPEC_LISTEN_FDS }, { NULL, 0 }
};

static const struct spec_word peers[] = {
	{ "full", SPEC_PEER_FULL }, { "prefix", SPEC_PEER_PREFIX }, { "none", SPEC_PEER_NONE },
	{ NULL, 0 }
};

static const struct spec_word builtins[] = {
	{ "echo", BUILTIN_ECHO }, { "discard", BUILTIN_DISCARD }, { "chargen", BUILTIN_CHARGEN },
	{ "daytime", BUILTIN_DAYTIME }, { "time", BUILTIN_TIME }, { "tcpmux", BUILTIN_TCPMUX },
	{ NULL, 0 }
};

static const struct spec_word targets[] = {
	{ "auto", SPEC_LOG_AUTO }, { "stderr", SPEC_LOG_STDERR }, { "syslog", SPEC_LOG_SYSLOG },
	{ "journal", SPEC_LOG_JOURNAL }, { NULL, 0 }
};

static const struct spec_word formats[] = {
	{ "text", SPEC_LOG_TEXT }, { "json", SPEC_LOG_JSON }, { NULL, 0 }
};

static const struct spec_word orders[] = {
	{ "oldest", VICTIM_OLDEST }, { "longest_idle", VICTIM_LONGEST_IDLE }, { NULL, 0 }
};

static const struct spec_word waitings[] = {
	{ "only", SPEC_WAITING_ONLY }, { "any", SPEC_WAITING_ANY }, { NULL, 0 }
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

static const struct spec_key handlers_keys[] = {
	{ "min", &spec_type_count, SERVICE(handlers.min), .max = 10000, .fallback = "0", LIVE,
	    .doc = "So many are kept running." },
	{ "max", &spec_type_count, SERVICE(handlers.max), .min = 1, .max = 10000, .fallback = "1", LIVE,
	    .doc = "No more than this serve one socket." },
	{ .name = NULL }
};

static const struct spec_key timeouts_keys[] = {
	{ "idle", &spec_type_duration, SERVICE(timeouts.idle_ns), .effect = NEW, .flags = SPEC_NONE,
	    .doc = "A handler is ended when no byte has moved for this long; not on unix sockets." },
	{ "first_byte", &spec_type_duration, SERVICE(timeouts.first_byte_ns), .effect = NEW,
	    .flags = SPEC_NONE, .doc = "A handler is ended when its client has sent nothing for this "
	    "long since the accept; not on unix sockets." },
	{ "lifetime", &spec_type_duration, SERVICE(timeouts.lifetime_ns), .effect = NEW,
	    .flags = SPEC_NONE, .doc = "A handler is ended after this long." },
	{ "stop", &spec_type_duration, SERVICE(timeouts.stop_ns), .fallback = "\"10s\"",
	    .effect = NEW, .flags = SPEC_NONE, .doc = "From SIGTERM to SIGKILL." },
	{ "linger", &spec_type_duration, SERVICE(timeouts.linger_ns), .effect = NEW,
	    .flags = SPEC_NONE, .doc = "After the handler has ended, what its client still sends is taken "
	    "for this long, so that no reset destroys the answer." },
	{ .name = NULL }
};

static const struct spec_key source_prefix_keys[] = {
	{ "ipv4", &spec_type_count, SERVICE(limits.source_prefix.ipv4), .max = 32, .fallback = "32",
	    LIVE, .doc = "Bits of an IPv4 address." },
	{ "ipv6", &spec_type_count, SERVICE(limits.source_prefix.ipv6), .max = 128, .fallback = "64",
	    LIVE, .doc = "Bits of an IPv6 address." },
	{ .name = NULL }
};

static const struct spec_key limits_keys[] = {
	{ "connections", &spec_type_count, SERVICE(limits.connections), .min = 1, .max = COUNT_MAX,
	    .fallback = "100", LIVE, NONE, .doc = "Live handlers of this service at once." },
	{ "connections_per_source", &spec_type_count, SERVICE(limits.connections_per_source),
	    .min = 1, .max = COUNT_MAX, LIVE, NONE,
	    .doc = "Live handlers of one source at once." },
	{ "source_prefix", .inside = source_prefix_keys, .doc = "What counts as one source." },
	{ "rate", &spec_type_rate, SERVICE(limits.rate), LIVE, NONE,
	    .doc = "New connections, as in \"50/s\"." },
	{ "burst", &spec_type_count, SERVICE(limits.rate.burst), .min = 1, .max = COUNT_MAX, LIVE,
	    NONE, .doc = "Of them at once; the count in rate when not given." },
	{ "rate_per_source", &spec_type_rate, SERVICE(limits.rate_per_source), LIVE, NONE,
	    .doc = "New connections of one source, as in \"10/min\"." },
	{ "burst_per_source", &spec_type_count, SERVICE(limits.rate_per_source.burst), .min = 1,
	    .max = COUNT_MAX, LIVE, NONE,
	    .doc = "Of them at once; the count in rate_per_source when not given." },
	{ "reserve", &spec_type_count, SERVICE(limits.reserve), .min = 1, .max = COUNT_MAX,
	    .fallback = "0", LIVE, NONE, .doc = "Places in the pool that are kept for this service." },
	{ "weight", &spec_type_count, SERVICE(limits.weight), .min = 1, .max = 1000,
	    .fallback = "1", LIVE, .doc = "Share of the accepts when several services are busy." },
	{ "load", &spec_type_load, SERVICE(limits.load), LIVE, NONE,
	    .doc = "No new handler while the load average is at or above this." },
	{ "overflow", &spec_type_overflow, .fallback = "[\"wait\"]", LIVE,
	    .doc = "What to do, in order, when there is no place." },
	{ .name = NULL }
};

static const struct spec_key evict_keys[] = {
	{ "min_idle", &spec_type_duration, SERVICE(evict.min_idle_ns), .fallback = "\"5s\"",
	    .effect = NEW, .doc = "No connection is taken that was idle for less." },
	{ "keep_alive", &spec_type_duration, SERVICE(evict.keep_alive_ns), .min = 1000000,
	    .effect = NEW, .doc = "A connection that was idle for longer is taken before all others." },
	{ "order", &spec_type_word, SERVICE(evict.order), .words = orders,
	    .fallback = "\"oldest\"", LIVE,
	    .doc = "Which of this service's connections is taken first." },
	{ "waiting", &spec_type_word, SERVICE(evict.waiting), .words = waitings,
	    .fallback = "\"only\"", .effect = NEW,
	    .doc = "Must the handler wait for its client alone, or for anything beside it?" },
	{ "goodbye", &spec_type_message, SERVICE(evict.goodbye), .effect = NEW,
	    .doc = "Text for the client whose connection is taken." },
	{ .name = NULL }
};

static const struct spec_key access_keys[] = {
	{ "allow", &spec_type_access, SERVICE(access.allow), LIVE,
	    .doc = "Only these may connect: addresses, prefixes, \"local\"." },
	{ "deny", &spec_type_access, SERVICE(access.deny), LIVE,
	    .doc = "These may not connect, whatever allow says." },
	{ .name = NULL }
};

static const struct spec_key penalties_keys[] = {
	{ "signal", &spec_type_duration, SERVICE(penalties.signal_ns), .fallback = "\"0s\"",
	    LIVE, .doc = "For a handler that dies by a signal." },
	{ "exit", &spec_type_penalty_exit, SERVICE(penalties.exit_ns), .fallback = "{}",
	    LIVE, .doc = "For handlers that exit with a status, by status." },
	{ "first_byte", &spec_type_duration, SERVICE(penalties.first_byte_ns),
	    .fallback = "\"0s\"", LIVE,
	    .doc = "For a connection that timeouts.first_byte ends." },
	{ "threshold", &spec_type_duration, SERVICE(penalties.threshold_ns), .min = 1000000,
	    .fallback = "\"15s\"", LIVE,
	    .doc = "A source with this balance or more is refused." },
	{ "max", &spec_type_duration, SERVICE(penalties.max_ns), .min = 1000000,
	    .fallback = "\"10min\"", LIVE,
	    .doc = "No balance rises above this." },
	{ .name = NULL }
};

static const struct spec_word others[] = {
	{ "refuse", false }, { "direct", true }, { NULL, 0 }
};

static const struct spec_key proxy_keys[] = {
	{ "from", &spec_type_access, SERVICE(proxy.from), LIVE,
	    .doc = "These must begin with a PROXY header: addresses, prefixes, \"local\"." },
	{ "others", &spec_type_others, SERVICE(proxy.direct), .words = others, LIVE,
	    .doc = "What becomes of the others: \"refuse\" (as without the key) or \"direct\", served as they are." },
	{ .name = NULL }
};

static const struct spec_word balances[] = {
	{ "round_robin", TARGETS_ROUND_ROBIN }, { "least_connections", TARGETS_LEAST_CONNECTIONS },
	{ NULL, 0 }
};

static const struct spec_word send_proxies[] = {
	{ "v1", RELAY_PROXY_V1 }, { "v2", RELAY_PROXY_V2 }, { NULL, 0 }
};

static const struct spec_key relay_keys[] = {
	{ "to", &spec_type_targets, SERVICE(relay.to), .effect = NEW,
	    .doc = "Targets: \"tcp:ADDRESS:PORT\" or \"unix:/PATH\"." },
	{ "balance", &spec_type_word, SERVICE(relay.balance), .words = balances, .effect = NEW,
	    .doc = "Which of them; round_robin when not given." },
	{ "connect_timeout", &spec_type_duration, SERVICE(relay.connect_timeout_ns), .min = 1000000,
	    .effect = NEW, .doc = "How long one may take to answer; 5s when not given." },
	{ "send_proxy", &spec_type_word, SERVICE(relay.send_proxy), .words = send_proxies,
	    .effect = NEW, .doc = "Tell the target who the client is: PROXY protocol." },
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
	{ "transparent", &spec_type_bool, SERVICE(socket.transparent), .fallback = "false",
	    .effect = SPEC_EFFECT_LISTENER, .doc = "IP_TRANSPARENT: connections to foreign addresses." },
	{ "defer_accept", &spec_type_duration, SERVICE(socket.defer_accept_ns), .min = 1000000000,
	    .effect = SPEC_EFFECT_LISTENER,
	    .doc = "TCP_DEFER_ACCEPT: a silent client is accepted only after this long." },
	{ "user_timeout", &spec_type_duration, SERVICE(socket.user_timeout_ns), .min = 1000000,
	    .effect = SPEC_EFFECT_LISTENER,
	    .doc = "TCP_USER_TIMEOUT: how long sent data may stay unacknowledged." },
	{ "mark", &spec_type_count, SERVICE(socket.mark), .min = 1, .max = 4294967295,
	    .effect = SPEC_EFFECT_LISTENER, .doc = "SO_MARK of all packets." },
	{ "ip_tos", &spec_type_int, SERVICE(socket.ip_tos), .max = 255,
	    .effect = SPEC_EFFECT_LISTENER, .doc = "Type of service, or traffic class, of all packets." },
	{ "receive_buffer", &spec_type_size, SERVICE(socket.receive_buffer), .min = 1,
	    .max = 1073741824, .effect = SPEC_EFFECT_LISTENER, .doc = "SO_RCVBUF, as in \"256K\"." },
	{ "send_buffer", &spec_type_size, SERVICE(socket.send_buffer), .min = 1, .max = 1073741824,
	    .effect = SPEC_EFFECT_LISTENER, .doc = "SO_SNDBUF, as in \"256K\"." },
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
	{ "peer", &spec_type_word, SERVICE(log.peer), .words = peers, .fallback = "\"full\"", LIVE,
	    .doc = "How much of a client's address the log may say." },
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
	{ "exec", &spec_type_exec, SERVICE(exec), .flags = SPEC_OWN, .effect = NEW,
	    .doc = "The program, by its absolute path, and its arguments." },
	{ "builtin", &spec_type_builtin, SERVICE(builtin), .words = builtins, .flags = SPEC_OWN,
	    .effect = NEW, .doc = "Instead of a program: a small service that berthd has itself." },
	{ "relay", .inside = relay_keys, .flags = SPEC_OWN,
	    .doc = "Instead of a program: another server that connections are carried to." },
	{ "tcpmux", &spec_type_bool, SERVICE(tcpmux), .fallback = "false", LIVE,
	    .doc = "May be reached through a tcpmux service, by its name." },
	{ "argv0", &spec_type_filled_text, SERVICE(argv0), .flags = SPEC_OWN, .effect = NEW,
	    .doc = "What the program sees as its own name, if not the path." },
	{ "wait", &spec_type_bool, SERVICE(wait), .fallback = "false", .effect = SPEC_EFFECT_REBIND,
	    .doc = "true: the program gets the listening socket, and serves until it exits." },
	{ "handlers", .inside = handlers_keys,
	    .doc = "With wait: how many programs share the listening socket." },
	{ "socket_as", &spec_type_word, SERVICE(socket_as), .words = sockets_as,
	    .fallback = "\"stdio\"", .effect = NEW,
	    .doc = "The socket is fd 0 and 1, or fd 3 as sd_listen_fds(3) has it." },
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
	{ "evict", .inside = evict_keys, .doc = "Whose connection is taken when a place is needed." },
	{ "access", .inside = access_keys, .doc = "Who may connect." },
	{ "proxy_protocol", .inside = proxy_keys,
	    .doc = "Whose connections begin with a PROXY header, version 1 or 2." },
	{ "penalties", .inside = penalties_keys, .doc = "What bad ends cost their source." },
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
	{ "load", &spec_type_load, SETTINGS(limits_load), .effect = SPEC_EFFECT_LIVE,
	    .flags = SPEC_NONE, .doc = "No new handler while the load average is at or above this." },
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
