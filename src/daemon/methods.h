/*
 * methods - what the control socket can be asked: one function a method, one table
 */
#ifndef BERTH_METHODS_H
#define BERTH_METHODS_H

#include "client.h"

#include "pool.h"

/* Answer one call, now or later (client_begin()); who may change something is decided here. */
void methods_call(struct client *c, const struct wire_call *call);

/* ---- for those who implement them ---- */

/* May this client change something?  Else the call was answered with an error. */
bool methods_may_change(struct client *c, const struct wire_call *call);

/* The service that a call names; NULL: it was answered with an error. */
struct pool_service *methods_service(struct client *c, const struct wire_call *call);

/* The service that a call may name: true with *ps NULL where it names none; false: it was answered with an error. */
bool methods_any_service(struct client *c, const struct wire_call *call, struct pool_service **ps);

/* A string among the parameters; NULL: there is none. */
const char *methods_string(const struct wire_call *call, const char *key);

/* Answer that this one is wrong. */
void methods_bad_parameter(struct client *c, const struct wire_call *call, const char *name);

#endif
