/*
 * topmodel - what `berthctl top` shows, worked out from the answers of berthd
 *
 * Answers in, tables of texts out: no terminal, no clock, no daemon.  Texts are as berthd gave them: they
 * go to a terminal through toplayout_cut() only.
 */
#ifndef BERTH_TOPMODEL_H
#define BERTH_TOPMODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_COLUMNS	24
#define TOP_FILTER_MAX	128

enum top_view { TOP_SERVICES, TOP_CONNECTIONS, TOP_REFUSALS, TOP_VIEWS };

/* The answers that there are; NULL: none yet.  Starts as {0}. */
struct topmodel {
	json_t *status;		/* of Status */
	json_t *services;	/* of List: the array; each has a member "rates" beside berthd's own */
	json_t *before;		/* the services of the list before it, by name */
	json_t *connections;	/* of Connections: the array */
	int64_t services_ns;	/* when they came */
	double seconds;		/* between the two lists; 0: there is one only */
	bool forgotten;		/* of the list before it nothing is to be known */
};

/*
 * Each takes a new reference to the parameters of a reply.  now_ns: when it came.  The rates of a service
 * are what was counted since the list before, per second: null where that is not known, as for a new
 * service, and where a counter went back.
 */
void topmodel_status(struct topmodel *m, json_t *answer);
void topmodel_services(struct topmodel *m, json_t *answer, int64_t now_ns);
void topmodel_connections(struct topmodel *m, json_t *answer);

/* The next list is the first of another daemon: nothing can be said of what lies between. */
void topmodel_forget(struct topmodel *m);
/* The connections of now are not those that are wanted next. */
void topmodel_forget_connections(struct topmodel *m);
void topmodel_fini(struct topmodel *m);

/* ---- tables ---- */

enum top_kind {
	/* to the right, sorted as numbers */
	TOP_NUMBER,		/* that is a name: all its digits */
	TOP_COUNT, TOP_RATE, TOP_SECONDS, TOP_BYTES, TOP_PERCENT,
	TOP_SUM,		/* of the numbers of an object */
	TOP_QUEUE,		/* of the queues of endpoints */
	TOP_P50, TOP_P99,	/* of a histogram */
	/* to the left, sorted as texts */
	TOP_WORD,		/* of a vocabulary */
	TOP_TEXT,		/* may be cut where there is little room */
	TOP_REST		/* takes whatever room there is left */
};

struct top_column {
	const char *title;
	enum top_kind kind;
	const char *path;	/* where it stands in the answer: "histograms.spawn.p99" */
	int width;		/* at least; of TEXT: what it is cut to at most */
	char letter;		/* the key that sorts by it */
};

/* How much somebody should look at it. */
enum top_mood { TOP_PLAIN, TOP_NOTE, TOP_TROUBLE };

struct top_cell {
	char *text;		/* owned */
	double number;		/* of columns of numbers; NAN: not known */
};

struct top_row {
	char *key;		/* owned: which one this is, also in the next table */
	bool total;		/* of all services: stands above the others */
	enum top_mood mood;
	struct top_cell cell[TOP_COLUMNS];
};

struct top_table {
	const struct top_column *column;
	size_t columns;
	struct top_row *row;	/* owned */
	size_t count;
	size_t of;		/* rows, had there been no filter */
};

/* What is to be shown, and how. */
struct top_choice {
	enum top_view view;
	const char *service;	/* of CONNECTIONS: whose; NULL: of all */
	size_t sort;		/* column */
	bool falling;		/* highest first */
	char filter[TOP_FILTER_MAX]; /* part of a row's words or texts, in any case; "": all rows */
};

bool topmodel_is_number(const struct top_column *c);

/* Sort by this column, in the order that is natural to it: texts rising, numbers falling. */
void topmodel_sort_by(struct top_choice *c, size_t column);
/* A view as it begins: of all services, no filter. */
void topmodel_begin(struct top_choice *c, enum top_view view);

/* The columns of a view, and how many. */
const struct top_column *topmodel_columns(enum top_view view, size_t *count);

/* out: the caller's to release.  Rows of which the value is not known come last in either order. */
void topmodel_table(const struct topmodel *m, const struct top_choice *c, struct top_table *out);
void topmodel_table_free(struct top_table *t);

/* Where the row with this key is; `count` when there is none. */
size_t topmodel_find(const struct top_table *t, const char *key);

/* ---- beside the table ---- */

#define TOP_SUMMARY 3

/* Line `line` (from 0) about berthd, its pool, and all services; caller frees. */
char *topmodel_summary(const struct topmodel *m, int line);

/* Which table it is, how it is sorted, how many rows it has; caller frees. */
char *topmodel_title(const struct top_choice *c, const struct top_table *t);

/*
 * For programs: {"status", "seconds", "services"}: what Status told, the time between the two lists, and
 * the services with their rates; "connections" if there are any answers about them.  Caller releases.
 */
json_t *topmodel_json(const struct topmodel *m);

/* "17", "99999", "123k", "1.2M"; "-" for NAN.  At most five characters below 10^15.  Returns buf. */
#define TOP_NUMBER_MAX 32
const char *topmodel_count(double n, char *buf, size_t size);
/* "0", "0.03", "1.5", "17": the same for what happens in a second. */
const char *topmodel_rate(double n, char *buf, size_t size);

/* The next longer (by > 0) or shorter interval of a fixed list. */
int64_t topmodel_interval(int64_t ns, int by);

#endif
