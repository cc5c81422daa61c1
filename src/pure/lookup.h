/*
 * lookup - the names that a configuration wants known, and the answers
 *
 * Users, groups and port names are looked up at load, outside the loop
 * (sys/identity.h); this table is the question and the answer.  A name is in it
 * once, however many services use it.
 */
#ifndef BERTH_LOOKUP_H
#define BERTH_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* LOOKUP_PROGRAM: is there such a program?  Asked by its path; `error` says why not. */
enum lookup_kind { LOOKUP_USER, LOOKUP_GROUP, LOOKUP_PORT, LOOKUP_PROGRAM };

enum lookup_state {
	LOOKUP_OPEN,		/* not answered yet */
	LOOKUP_FOUND,
	LOOKUP_ABSENT,		/* the name service says that there is none */
	LOOKUP_FAILED		/* any other error, or no answer in time */
};

struct lookup {
	enum lookup_kind kind;
	bool numeric;		/* asked by number (users and groups) */
	uint32_t id;		/* that number */
	char *name;		/* asked by name: owned; NULL when numeric.  Ports: "name/tcp" */
	enum lookup_state state;
	bool stale;		/* FOUND, but by an earlier look-up: this one failed */
	char error[128];	/* of FAILED, of an ABSENT program, or of the failure behind `stale` */
	/* answer; a number without a passwd entry is FOUND with home "/", shell "/bin/sh", no groups */
	uid_t uid;
	gid_t gid;		/* user: primary group; group: the group */
	gid_t *groups;		/* user: as getgrouplist(3) gives them, the primary one among them; none for
				 * a number without an entry; owned */
	size_t ngroups;
	char *user, *home, *shell; /* owned; user is the number's text without an entry */
	uint16_t port;
};

struct lookup_table {
	struct lookup *entry;	/* owned, sorted by nothing: in order of asking */
	size_t count, room;
};

/* Ask for a name or a number; asking again is nothing.  Returns the entry's index. */
size_t lookup_ask_name(struct lookup_table *t, enum lookup_kind kind, const char *name);
size_t lookup_ask_id(struct lookup_table *t, enum lookup_kind kind, uint32_t id);

/* The entry for a name or number, or NULL. */
const struct lookup *lookup_find_name(const struct lookup_table *t, enum lookup_kind kind,
    const char *name);
const struct lookup *lookup_find_id(const struct lookup_table *t, enum lookup_kind kind,
    uint32_t id);

/*
 * Where `now` has no answer (OPEN or FAILED) and `before` found one, copy that
 * and mark it stale: the last good ids stay.
 */
void lookup_keep_good(struct lookup_table *now, const struct lookup_table *before);

/* What is OPEN has FAILED, for this reason. */
void lookup_fail(struct lookup_table *t, const char *why);

/* What is OPEN in `now` and FAILED in `before` has failed without being asked again. */
void lookup_keep_failed(struct lookup_table *now, const struct lookup_table *before);

/* Release everything; leaves an empty table. */
void lookup_free(struct lookup_table *t);

#endif
