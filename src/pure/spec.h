/*
 * spec - service files and berth.json: one table of keys
 *
 * One table (struct spec_key, in spec_keys.c) drives parsing, defaults, the suggestion for
 * an unknown key, the effective configuration, comparison on reload and the JSON
 * Schema.  A service's effective object is: built-in defaults, under the
 * `defaults` of berth.json, under the file.  Objects merge key by key, everything
 * else is replaced.
 *
 * A struct service is validated, immutable after spec_resolve(), shared by
 * reference count: the running side and every live handler hold one.
 */
#ifndef BERTH_SPEC_H
#define BERTH_SPEC_H

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "access.h"
#include "bucket.h"
#include "diag.h"
#include "endpoint.h"
#include "lookup.h"
#include "relay.h"
#include "small.h"
#include "targets.h"
#include "victim.h"

#define SPEC_FILE_MAX 65536	/* bytes; a longer file is refused */

/* What serves a connection. */
enum spec_what { SPEC_EXEC, SPEC_BUILTIN, SPEC_RELAY };

/* Which descriptors a handler gets its socket as. */
enum spec_socket_as { SPEC_STDIO, SPEC_LISTEN_FDS };

/* How much of a client's address the log may say. */
enum spec_peer { SPEC_PEER_FULL, SPEC_PEER_PREFIX, SPEC_PEER_NONE };

enum spec_stderr { SPEC_STDERR_LOG, SPEC_STDERR_SOCKET, SPEC_STDERR_NULL };

/* A user or group as written: by name or by number. */
struct spec_ident {
	bool set, numeric;
	uint32_t id;
	char *name;		/* owned; NULL unless by name */
};

struct spec_rlimit {
	bool set;
	rlim_t soft, hard;	/* RLIM_INFINITY: unlimited */
};

/* Of what berthd leaves to a process without privileges: no handler runs as this user. */
#define SPEC_UID_ALONE 65533
#define SPEC_UID_ALONE_TEXT "uid 65533"

/* Who a handler runs as; filled by spec_resolve(). */
struct spec_identity {
	uid_t uid;
	gid_t gid;
	gid_t *groups;		/* owned */
	size_t ngroups;
	char *user, *home, *shell; /* owned */
};

/* One step of limits.overflow. */
enum spec_step_kind { SPEC_STEP_EVICT, SPEC_STEP_WAIT, SPEC_STEP_REFUSE, SPEC_STEP_BANNER };

struct spec_step {
	enum spec_step_kind kind;
	int64_t wait_ns;	/* WAIT: since the arrival; 0: for ever */
	char *banner;		/* BANNER: owned */
};

/* Which handlers are judged: those that wait for their client alone, or for other descriptors too. */
enum spec_waiting { SPEC_WAITING_ONLY, SPEC_WAITING_ANY };

#define SPEC_STATUSES 256	/* of exit(3) */

struct service {
	unsigned refs;
	char *name;		/* owned: the file's name without ".json" */
	char *description;	/* owned; NULL none */
	bool enabled;
	struct endpoint *listen;/* owned */
	size_t nlisten;
	enum spec_what what;
	char **exec;		/* EXEC: owned, NULL-terminated; exec[0] is an absolute path */
	enum builtin builtin;	/* BUILTIN */
	struct {
		char **to;		/* owned, NULL-terminated: "tcp:10.0.0.2:80", "unix:/run/x" */
		size_t count;
		enum targets_balance balance;
		int64_t connect_timeout_ns;
		enum relay_proxy send_proxy;
	} relay;		/* RELAY */
	bool tcpmux;		/* may be reached through a tcpmux service */
	char *argv0;		/* owned; NULL: exec[0] */
	bool wait;		/* handlers get the listening socket; always so with datagrams */
	enum spec_socket_as socket_as;
	struct {
		uint32_t min, max;	/* with wait: so many share a socket; max at least 1 */
	} handlers;
	enum spec_stderr stderr_to;
	struct spec_ident user, group, *groups; /* as written */
	size_t ngroups;
	bool groups_set;
	struct {
		char **environment;	/* owned, "NAME=value", NULL-terminated */
		char **pass_environment;/* owned, names, NULL-terminated */
		char *working_directory;/* owned, absolute */
		mode_t umask;
		int nice;
		bool oom_score_adj_set;
		int oom_score_adj;
		struct spec_rlimit rlimits[RLIM_NLIMITS]; /* by RLIMIT_* number */
	} process;
	struct {
		uint32_t connections;	/* 0: none */
		uint32_t connections_per_source; /* 0: none */
		struct {
			uint32_t ipv4, ipv6; /* bits */
		} source_prefix;
		struct bucket_rate rate, rate_per_source; /* count 0: none; else burst is at least 1 */
		uint32_t reserve, weight;
		double load;		/* 0: none */
		struct spec_step *overflow; /* owned; at least one step, the last answers for good: never EVICT,
					     * nor WAIT with a time */
		size_t noverflow;
	} limits;
	struct {
		int64_t idle_ns, first_byte_ns; /* 0: none; always none with a unix endpoint */
		int64_t lifetime_ns;	/* 0: none */
		int64_t stop_ns;
		int64_t linger_ns;	/* 0: none */
	} timeouts;
	struct {
		struct access_list from; /* set: these send a header */
		bool direct;		/* others are served as they are */
	} proxy;
	struct {
		int64_t min_idle_ns;
		int64_t keep_alive_ns;	/* 0: none */
		enum victim_order order;
		enum spec_waiting waiting;
		char *goodbye;		/* owned; NULL none */
	} evict;
	struct access access;
	struct {
		int64_t signal_ns, first_byte_ns; /* 0: none */
		int64_t *exit_ns;	/* owned, SPEC_STATUSES by status; NULL: none */
		int64_t threshold_ns, max_ns;
	} penalties;
	struct {
		int backlog;
		bool keep_alive, no_delay, free_bind, transparent;
		int64_t defer_accept_ns, user_timeout_ns; /* 0: not set */
		uint32_t mark;		/* 0: not set */
		int ip_tos;		/* -1: not set */
		int64_t receive_buffer, send_buffer; /* bytes; 0: not set */
		char bind_to_device[IF_NAMESIZE]; /* "" none */
		mode_t mode;
		struct spec_ident owner, group;
		uid_t owner_uid;	/* resolved; (uid_t)-1: not set */
		gid_t group_gid;
	} socket;
	struct {
		bool connections;
		enum spec_peer peer;
	} log;
	struct spec_identity identity;
	char *own;		/* owned: the file's object, compact JSON: for `show` */
	char *merged;		/* owned: defaults and file, compact, sorted: for comparison */
};

/* What the parser must know about the daemon.  All of it outlives the call only. */
struct spec_context {
	bool root;		/* berthd runs as root: `user` is required */
	uid_t uid;		/* berthd's own, when not root */
	gid_t gid;
	json_t *defaults;	/* validated `defaults` of berth.json; NULL none */
};

/* The service name in a file name: true and *name (caller frees) for NAME.json with a legal NAME. */
bool spec_file_name(const char *file, char **name);

/*
 * Parse the text of one service file.  file: what messages begin with, e.g.
 * "/etc/berth/services.d/echo.json".  Syntax errors (duplicate keys among them)
 * are one message "FILE:LINE:COLUMN: ..."; errors of meaning are all collected, each
 * "FILE: key.path: ...".  Returns a service with refs 1, or NULL with at least
 * one message in errs.
 */
struct service *spec_parse(const struct spec_context *ctx, const char *file, const char *name,
    const char *text, size_t len, struct diag_list *errs);

/* Ask for every name that the service wants known, and whether its program is there. */
void spec_wants(const struct service *s, struct lookup_table *t);

/*
 * Fill in ids and port numbers from the answers.  Errors as in spec_parse():
 * "FILE: user: there is no user "finger"".  *transient becomes true (never false)
 * when an answer failed for another reason than absence, so that a later try may
 * do better.  Returns false when the service cannot be used.
 */
bool spec_resolve(struct service *s, const struct spec_context *ctx, const char *file,
    const struct lookup_table *t, struct diag_list *errs, bool *transient);

/*
 * Does limits.reserve of s still fit into a pool of `limit` places (0: not known yet) beside those that *total counts?  Adds it, or
 * says in errs, as spec_parse() does, why not.
 */
bool spec_check_reserve(const struct service *s, const char *file, uint64_t *total, uint32_t limit,
    struct diag_list *errs);

struct service *spec_hold(struct service *s);
void spec_release(struct service *s);	/* NULL is harmless */

/* Same effective configuration and ids, so that a reload changes nothing. */
bool spec_equal(const struct service *a, const struct service *b);

/* ... or nothing but texts for people differs. */
bool spec_equal_but_text(const struct service *a, const struct service *b);

/* Dotted names of the keys in which the two differ, for the reload's report: an array of strings. */
json_t *spec_changes(const struct service *a, const struct service *b);

/*
 * The effective configuration and where each value came from: {"config": {...}, "origin": {"user":
 * "berth.json", "limits.connections": "default", "listen": "file"}}; origin maps each dotted key
 * that has a value.  New reference.
 */
json_t *spec_show(const struct service *s, const json_t *defaults);

/* ---- berth.json ---- */

enum spec_log_target { SPEC_LOG_AUTO, SPEC_LOG_STDERR, SPEC_LOG_SYSLOG, SPEC_LOG_JOURNAL };
enum spec_log_format { SPEC_LOG_TEXT, SPEC_LOG_JSON };

struct settings {
	char **services;	/* owned, NULL-terminated; NULL: not given */
	char *control_socket;	/* owned; NULL: not given */
	struct spec_ident control_group;
	enum spec_log_target log_target;
	enum spec_log_format log_format;
	int log_level;		/* syslog(3): 3 error, 4 warning, 5 notice, 6 info, 7 debug */
	uint32_t limits_connections; /* 0: computed */
	double limits_load;	/* 0: none */
	bool stop_leave;	/* stop_grace: "leave" */
	int64_t stop_grace_ns;
	json_t *defaults;	/* owned reference; NULL none */
};

/* Built-in values, as if an empty object had been read. */
struct settings *settings_default(void);

/* Parse the text of berth.json; errors as in spec_parse().  Returns NULL on error. */
struct settings *settings_parse(const char *file, const char *text, size_t len,
    struct diag_list *errs);
void settings_free(struct settings *s);

/* ---- the table as a document ---- */

/* JSON Schema (2020-12) of a service file, and of berth.json.  New references. */
json_t *spec_schema_service(void);
json_t *spec_schema_settings(void);

/* "error" "warning" "notice" "info" "debug" to syslog(3) numbers, and back; -1, NULL unknown. */
int spec_log_level(const char *name);
const char *spec_log_level_name(int level);

#endif
