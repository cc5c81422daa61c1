/*
 * methods - what the control socket can be asked: one function a method, one table
 */
#ifndef BERTH_METHODS_H
#define BERTH_METHODS_H

#include "client.h"

/* Answer one call, now or later (client_begin()); who may change something is decided here. */
void methods_call(struct client *c, const struct wire_call *call);

#endif
