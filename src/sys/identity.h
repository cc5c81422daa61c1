/*
 * identity - ask the name service for users, groups and ports, outside the loop
 *
 * A name service may hang (LDAP, a dead sssd).  So a short-lived child asks, one name after the other; the name
 * that it is at after IDENTITY_WAIT_NS has FAILED, the child is killed, and another goes on with the rest, at most
 * IDENTITY_NEXT_NS for each further name that hangs.
 */
#ifndef BERTH_IDENTITY_H
#define BERTH_IDENTITY_H

#include "../pure/lookup.h"
#include "loop.h"

#define IDENTITY_WAIT_NS 5000000000LL
#define IDENTITY_NEXT_NS 1000000000LL

/* Answer every LOOKUP_OPEN entry here and now; may block for as long as the name service likes. */
void identity_answer(struct lookup_table *t);

struct identity_query;
typedef void identity_done(void *arg);

/*
 * Answer every open entry of t in a child; done is called when all are answered, failed, or out
 * of time, and never from within this call.  t stays the caller's and must not be touched until then.  NULL and errno
 * when no child can be made.
 */
struct identity_query *identity_start(struct loop *l, struct lookup_table *t, identity_done *done,
    void *arg);

/* Give up: the child is killed, done is not called.  NULL is harmless. */
void identity_cancel(struct identity_query *q);

#endif
