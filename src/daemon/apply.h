/*
 * apply - make the running side what the files say
 */
#ifndef BERTH_APPLY_H
#define BERTH_APPLY_H

#include <jansson.h>

#include "pool.h"
#include "scan.h"

/*
 * Take every good file of the scan into force and report it (see reload_done).  Open sockets that are still wanted,
 * by whichever service, move; new ones are opened before old ones are closed, except where the
 * kernel would not have both; endpoints that wait are tried again.  Live handlers are not touched.
 * answers: whether the programs are there.  full: also give every throttled service a fresh start.  True when errors came or went.
 */
bool apply_scan(struct pool *p, const struct scan *scan, const struct lookup_table *answers, bool full,
    json_t *report);

/* The same files, but what is to be open has changed: open and close.  Endpoints that wait are tried again. */
void apply_sockets(struct pool *p);

/* The report of a reload with nothing in it, and with a text added to one of its arrays. */
json_t *apply_new_report(void);
void apply_report(json_t *report, const char *key, const char *text);

#endif
