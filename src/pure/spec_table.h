/*
 * spec_table - the table of keys and those who walk it; private to spec_*.c and settings.c
 *
 * One row a key.  A row has either `inside` (an object with keys of its own) or a `type`, which
 * reads a value into the structure.  Everything that there is to know about a key is in its row.
 */
#ifndef BERTH_SPEC_TABLE_H
#define BERTH_SPEC_TABLE_H

#include "spec.h"

/* What a change of a key asks of the running side. */
enum spec_effect {
	SPEC_EFFECT_TEXT,	/* nothing: for people only */
	SPEC_EFFECT_NEW_HANDLERS, /* holds from the next handler on */
	SPEC_EFFECT_LISTENER,	/* set anew on the open listeners */
	SPEC_EFFECT_REBIND,	/* listeners are opened or closed */
	SPEC_EFFECT_LIVE,	/* holds at once */
	SPEC_EFFECT_RESTART	/* berthd must be started again */
};

enum spec_flag {
	SPEC_REQUIRED = 1,
	SPEC_OWN = 2,		/* only in the service's own file, not in `defaults` */
	SPEC_NONE = 4		/* 0 or null means none */
};

struct spec_word {		/* ended by name NULL */
	const char *name;
	int value;
};

struct spec_key;

/*
 * Where the reader stands, for messages.  The path is a stack of borrowed names, so that nothing
 * is formatted unless something is wrong.
 */
struct spec_reader {
	const char *file;
	struct diag_list *errs;
	unsigned forbidden;	/* keys with one of these flags are refused */
	unsigned depth;
	const char *path[8];
};

/*
 * A type reads `value`, which came for key k, into the structure `into` (k->offset says where), or
 * complains.  expect is what messages ask for; NULL: made from the row's words or range.
 * schema is JSON Schema text; NULL: made from the row's words or range.
 */
struct spec_type {
	const char *expect;
	const char *schema;
	void (*read)(struct spec_reader *r, const struct spec_key *k, const json_t *value,
	    void *into);
};

struct spec_key {		/* a table is ended by name NULL */
	const char *name;
	const struct spec_type *type;
	const struct spec_key *inside;
	size_t offset;
	int64_t min, max;
	const struct spec_word *words;
	const char *fallback;	/* built-in default as JSON text; NULL none */
	enum spec_effect effect;
	unsigned flags;
	const char *doc;
};

/* ---- spec_keys.c ---- */

extern const struct spec_key spec_keys_service[];
extern const struct spec_key spec_keys_settings[];
extern const struct spec_word spec_keys_levels[];

/* ---- spec_type.c ---- */

extern const struct spec_type spec_type_text, spec_type_filled_text, spec_type_path,
    spec_type_bool, spec_type_builtin, spec_type_others, spec_type_targets, spec_type_int, spec_type_count, spec_type_word, spec_type_duration,
    spec_type_size, spec_type_mode, spec_type_device, spec_type_user, spec_type_group, spec_type_groups,
    spec_type_listen, spec_type_exec, spec_type_paths, spec_type_environment,
    spec_type_pass_environment, spec_type_rlimits, spec_type_oom_score_adj,
    spec_type_stop_grace, spec_type_defaults;

/* The member of `into` that a row is about. */
#define SPEC_AT(into, k, type) ((type *)(void *)((char *)(into) + (k)->offset))

/* The row lets 0 or null stand for none, and the value is that. */
bool spec_type_is_none(const struct spec_key *k, const json_t *value);

/*
 * A duration that is not none: into *ns, or a complaint that asks for `expect`.  At least min_ns.
 */
bool spec_type_read_duration(struct spec_reader *r, const char *expect, int64_t min_ns,
    const json_t *value, int64_t *ns);

/* Complain about one element of an array. */
void spec_type_element_mismatch(struct spec_reader *r, size_t i, const char *expect,
    const json_t *value);

/* Keys that the object of a type like rlimits may have, for the schema: NULL-terminated on i. */
const char *spec_type_rlimit_name(size_t i);

void spec_type_free_list(char **list);	/* NULL is harmless */

/* ---- spec_admission.c: limits, access, penalties, and what evict and timeouts say ---- */

extern const struct spec_type spec_type_rate, spec_type_load, spec_type_overflow,
    spec_type_access, spec_type_penalty_exit, spec_type_message;

/*
 * What concerns several keys at once, after all were read: defaults that depend on other keys, and keys that contradict each
 * other.  own: the file's object.  merged: what takes effect; keys of `defaults` that cannot apply to the service go from it.
 */
void spec_admission_finish(struct spec_reader *r, struct service *s, const json_t *own,
    json_t *merged);

void spec_admission_free(struct service *s);

/* A chain that only waits: for a service whose clients are not seen. */
void spec_admission_wait(struct service *s);

/* ---- spec_what.c: a program, or what stands in its place ---- */

/* As spec_admission_finish(), before spec_wait_finish(): exactly one of them, and what cannot be beside it. */
void spec_what_finish(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged);

/* ---- spec_wait.c: what wait means for the other keys ---- */

/* As spec_admission_finish(), and after it. */
void spec_wait_finish(struct spec_reader *r, struct service *s, const json_t *own, json_t *merged);

/* ---- spec_read.c ---- */

/* The text of a file as a JSON object, or NULL and one message.  New reference. */
json_t *spec_read_text(struct spec_reader *r, const char *text, size_t len);

/* Read each member of object by the table into `into`; every error is added to r->errs. */
void spec_read_object(struct spec_reader *r, const struct spec_key *keys, const json_t *object,
    void *into);

/*
 * A key (group NULL: at the top) that cannot apply to the service: refused by name, with the text, where the file itself (own) asks for
 * it; taken out of `merged` where only `defaults` has it.  0, null, false and {} ask for nothing.
 */
void spec_read_not_here(struct spec_reader *r, const char *group, const char *key,
    const json_t *own, json_t *merged, const char *text);

/* Complain about the key of a group. */
void spec_read_fail_at(struct spec_reader *r, const char *group, const char *key, const char *text);

/* Complain about each required key that object has not. */
void spec_read_required(struct spec_reader *r, const struct spec_key *keys, const json_t *object);

/* The table's built-in values as an object.  New reference. */
json_t *spec_read_fallbacks(const struct spec_key *keys);

/* Put `from` over `into`: objects merge key by key, everything else is replaced. */
void spec_read_merge(json_t *into, const json_t *from);

void spec_read_push(struct spec_reader *r, const char *name);
void spec_read_pop(struct spec_reader *r);

/* "FILE: key.path: text". */
void spec_read_fail(struct spec_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "FILE: key.path: expected EXPECT, found VALUE". */
void spec_read_mismatch(struct spec_reader *r, const char *expect, const json_t *value);
void spec_read_mismatch_key(struct spec_reader *r, const struct spec_key *k,
    const json_t *value);

/*
 * "name" is not a known key of what the reader stands in.  The nearest of the table (or of the names
 * that name_at gives for 0, 1, ... until NULL) is suggested when it is near.
 */
void spec_read_unknown(struct spec_reader *r, const struct spec_key *keys, const char *name);
void spec_read_unknown_name(struct spec_reader *r, const char *(*name_at)(size_t),
    const char *name);

/* ---- spec.c ---- */

/* Complain about endpoints that share a socket.  Ports by name count when they are known. */
void spec_check_listen(struct spec_reader *r, const struct service *s);

/* The name under which a port is looked up: "http/tcp". */
#define SPEC_QUESTION_MAX 96
void spec_port_question(const struct endpoint *e, char *buf, size_t size);

/* A service that only was read into: `defaults` are checked by reading them. */
struct service *spec_blank(void);

#endif
