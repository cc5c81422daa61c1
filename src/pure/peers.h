/*
 * peers - one bounded table of sources: live handlers, rates, penalties
 *
 * Fixed size, keyed hash (SipHash-2-4, the key given at start), two small sets for each source.  An entry is for one service and
 * one source.  Idle entries (no live handler, full bucket, no balance) are reused first; where both sets
 * have none the table fails open: the connection is judged as from a source without history, and counted.
 */
#ifndef BERTH_PEERS_H
#define BERTH_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "bucket.h"
#include "source.h"

struct peers;

struct peer {
	uint32_t service;	/* number of the service, given by the caller, never reused */
	struct source source;
	uint32_t live;		/* handlers */
	struct bucket bucket;	/* limits.rate_per_source */
	int64_t balance_ns;	/* penalties, as of balance_at_ns; falls by one second a second */
	int64_t balance_at_ns;
};

/* entries is rounded up to a power of two, at least 64 and at most 2^24.  NULL: no memory. */
struct peers *peers_new(uint32_t entries, const uint8_t key[16]);
void peers_free(struct peers *t);

/* The entry, or NULL when there is none.  Never makes one. */
struct peer *peers_find(struct peers *t, uint32_t service, const struct source *s);

/*
 * The entry, made if need be; NULL when its sets are full of busy ones, or the source is none (counted).  It stays where it is, and
 * the source's, while it is not idle: a handler may keep the pointer from peers_hold() to peers_release(); without a
 * handler it is only good until the next peers_get().
 */
struct peer *peers_get(struct peers *t, uint32_t service, const struct source *s, int64_t now_ns);

/* A handler of the entry begins or ends.  NULL (failed open) is harmless. */
void peers_hold(struct peer *p);
void peers_release(struct peer *p);

/* Penalty balance as of now; NULL: 0. */
int64_t peers_balance_ns(const struct peer *p, int64_t now_ns);
/* Add to it, up to max_ns.  NULL is harmless. */
void peers_penalise(struct peer *p, int64_t add_ns, int64_t max_ns, int64_t now_ns);

/* How many connections were judged without history. */
uint64_t peers_failed_open(const struct peers *t);

/* Each entry that was ever used, idle ones among them; may change balance, not membership.  For lists and forgiveness; not on any path of a connection. */
void peers_each(struct peers *t, void (*seen)(void *arg, struct peer *p), void *arg);

#endif
