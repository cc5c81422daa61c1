/*
 * evict - a place is needed: whose connection is taken for it
 *
 * A listener whose pending connection wants a place asks for a victim.  All live connections that may be taken are looked
 * at together (survey.h), and what was seen serves every asker for a short while; the one that is chosen is looked at
 * again, and once more while it is stopped, so that a request which races in is served.  Then it gets its goodbye,
 * both directions are shut down, and its handler goes on and may end by itself.
 */
#ifndef BERTH_EVICT_H
#define BERTH_EVICT_H

#include "pool.h"

/* A victim that is not gone by then is given up, and another looked for. */
#define EVICT_VICTIM_NS 2000000000LL

struct evict *evict_new(struct pool *p);	/* NULL: no memory */
void evict_free(struct evict *e);		/* NULL is harmless */

/*
 * The pending connection of l wants a victim.  One is found: l->victim is set until it has ended, and then l's service is
 * preferred.  None: l->pending.tried is set and l is resumed.  later: it was tried; ask again when there may be one.
 */
void evict_want(struct listener *l, bool later);

/* l wants no more; a victim that is ending is nobody's. */
void evict_cancel(struct listener *l);

/* The pending connection of `from`, with its wish or its victim, is now that of `to`. */
void evict_move(struct listener *to, struct listener *from);

/* accept or clone lacks resources: one connection of anybody is to end; if there is none, pool_shortage_pause(). */
void evict_for_shortage(struct evict *e);

/* Give up the descriptors that are kept for looking, so that somebody else can have them for a moment; and take them back. */
void evict_lend(struct evict *e);
void evict_take_back(struct evict *e);

/* c has ended; its place is free. */
void evict_gone(struct child *c);

/* Go on a little; true when there is more to do at once. */
bool evict_turn(struct evict *e);

#endif
