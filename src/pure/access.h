/*
 * access - who may connect: two lists of addresses and prefixes
 *
 * A peer passes if (allow is absent, or one of it matches) and none of deny matches.
 */
#ifndef BERTH_ACCESS_H
#define BERTH_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "source.h"

struct access_rule {
	bool local;		/* "local": loopback (127.0.0.0/8, ::1) and every unix peer */
	struct source prefix;
};

struct access_list {
	bool set;		/* given in the file, perhaps empty: an empty `allow` lets nobody in */
	struct access_rule *rule; /* owned */
	size_t count;
};

#define ACCESS_TEXT_MAX (SOURCE_TEXT_MAX + 8)

struct access {
	struct access_list allow, deny;
};

/*
 * uid: of a unix peer.  rule, if not NULL, gets the text of what decided: "deny 10.0.0.0/8", "not in allow", "no address"
 * (where there are rules, a peer without an address does not pass); "allow local", "not in deny", "no rule".
 */
bool access_passes(const struct access *a, const struct addr *peer, uid_t uid, char *rule,
    size_t size);

/* "local", or what source_parse() takes.  *out is zero after an error. */
bool access_rule_parse(const char *text, struct access_rule *out, struct diag *why);

#endif
