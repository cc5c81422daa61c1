/*
 * top - what the parts of `berthctl top` share
 */
#ifndef BERTH_TOP_H
#define BERTH_TOP_H

#include <stdarg.h>

#include "ctl.h"
#include "toplink.h"
#include "topscreen.h"

#define TOP_MS		1000000LL
#define TOP_SECOND	(1000 * TOP_MS)

enum top_mode { TOP_MODE_TABLE, TOP_MODE_HELP, TOP_MODE_FILTER, TOP_MODE_KILL };

struct top {
	struct topmodel model;
	struct toplink link;
	enum top_view view;
	struct top_choice choice[TOP_VIEWS];
	struct place {
		char *key;		/* owned: of the selected row; NULL: it is the first, whichever it is */
		size_t row, first;
	} place[TOP_VIEWS];
	struct top_table table;
	bool stale;			/* the table is not that of the model and the choice */
	char *service;			/* owned: whose connections; NULL: of all */
	enum top_mode mode;
	size_t help_first;
	json_int_t victim;		/* of TOP_MODE_KILL */
	char message[DIAG_MAX];		/* "": none */
	int64_t message_ns;		/* when it was said */
	int64_t interval_ns, next_ns;
	bool paused;
	int signals;			/* signalfd(2) */
	int ended_by;			/* signal; 0: none */
	bool quit;
};

/* A message at the bottom of the screen, for a while. */
void top_say(struct top *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Make the table of the view anew, if it is stale; the selected row stays the same one. */
void top_work_out(struct top *t);

/* ---- topkeys.c ---- */

/* A key of topscreen_key(). */
void top_take_key(struct top *t, int key);

/* ---- toponce.c ---- */

/* Ask twice, and print what there is; the exit status. */
int top_once(struct top *t, bool as_json);

#endif
