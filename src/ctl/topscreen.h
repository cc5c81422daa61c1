/*
 * topscreen - the terminal of `berthctl top`: all of ncurses is behind this
 */
#ifndef BERTH_TOPSCREEN_H
#define BERTH_TOPSCREEN_H

#include "toplayout.h"

#define TOPSCREEN_HELP_LAST 14

/* What is shown; all is borrowed. */
struct topscreen {
	const struct topmodel *model;
	const struct top_choice *choice;
	const struct top_table *table;
	size_t selected, first;	/* rows of the table */
	const char *problem;	/* instead of the first line; NULL: none */
	const char *pace;	/* "every 2s" */
	const char *message;	/* NULL: none */
	bool question;		/* the message wants an answer */
	bool help;
	size_t help_first;	/* line of the help, at most TOPSCREEN_HELP_LAST */
};

/* Keys that are no characters. */
enum topscreen_key {
	TOPSCREEN_NONE = -1,	/* no more of them now */
	TOPSCREEN_UP = 0x200000, TOPSCREEN_DOWN, TOPSCREEN_PAGE_UP, TOPSCREEN_PAGE_DOWN, TOPSCREEN_HOME,
	TOPSCREEN_END, TOPSCREEN_LEFT, TOPSCREEN_RIGHT, TOPSCREEN_BACK, TOPSCREEN_DELETE, TOPSCREEN_HELP,
	TOPSCREEN_OTHER
};

/* Take over the terminal that is stdin and stdout; false: it is of a kind that is not known. */
bool topscreen_open(void);
/* Give it back as it was. */
void topscreen_close(void);

/* Give it to somebody else for a while; topscreen_draw() takes it again. */
void topscreen_leave(void);
/* Its size has changed: all is drawn anew. */
void topscreen_resize(void);
/* Somebody else has had it: it is set up again, too. */
void topscreen_renew(void);

/* How many rows of the table can be seen; at least 1. */
int topscreen_rows(void);
void topscreen_draw(const struct topscreen *s);

/* A character, or one of enum topscreen_key.  Does not wait, but for the rest of an escape sequence. */
int topscreen_key(void);

#endif
