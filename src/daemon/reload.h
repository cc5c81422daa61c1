/*
 * reload - from the files to the running side, and again
 *
 * The start is a reload with nothing before it.  One run: read what changed, look names up
 * (outside the loop), plan, open the new, move what stays, close the old, commit.  A bad file
 * keeps its service's last good version; a bind that fails leaves that endpoint waiting.
 */
#ifndef BERTH_RELOAD_H
#define BERTH_RELOAD_H

#include <jansson.h>

#include "pool.h"
#include "waiters.h"

/* What the command line fixed; NULL or -1: not given.  Borrowed, absolute paths. */
struct reload_options {
	const char *settings_file;	/* -c */
	char *const *services;		/* -s ...; NULL-terminated */
	const char *control;		/* --control */
	int log_level, log_format;
};

struct reload;

/*
 * settings: as read at start, owned from now on.  first: called once, after the first run.
 */
struct reload *reload_new(struct pool *p, const struct reload_options *opt,
    struct settings *settings, reload_done *first, void *arg);
void reload_free(struct reload *r);

/* Begin with the first run. */
void reload_start(struct reload *r);

/*
 * Tell what reload_all() would report now: nothing is changed, opened or tried.  Likewise coalesced, and done is likewise never called from
 * within.  What only an attempt tells (that an address is taken by another program) is not in it.
 */
bool reload_preview(struct reload *r, reload_done *done, void *arg);

/* What is written to the log (syslog(3)), until a reload that finds another level configured, or a restart. */
void reload_set_log_level(struct reload *r, int level);

/* The settings in force. */
const struct settings *reload_settings(const struct reload *r);

/*
 * Read everything again, at once (a storm of calls is coalesced to ten a second).  done may be NULL; it is called after
 * a run that began after this call, never from within it.  false: berthd is stopping, nothing will be called.
 */
bool reload_all(struct reload *r, reload_done *done, void *arg);

/* The waiter has gone. */
void reload_forget(struct reload *r, void *arg);

/* No more runs: berthd stops.  Waiters get an error report. */
void reload_stop(struct reload *r);

/*
 * What is wrong with berth.json, as of the last time it was read, and with the directories: texts are borrowed and added.  The settings
 * file is where it would be; *exists: whether it is.
 */
void reload_errors(const struct reload *r, struct diag_list *errs);
const char *reload_settings_file(const struct reload *r, bool *exists);

/* Which directories the services come from; static for the life of r. */
char *const *reload_directories(const struct reload *r);

/*
 * The settings file: read, checked, parsed.  must_exist: it was named by -c.  NULL with errors in errs.
 */
struct settings *reload_read_settings(const char *path, bool must_exist, struct diag_list *errs);

/*
 * Every file of every directory, checked as at start but with nothing opened: `berthd -t`.  Errors go to errs; returns the number of good files.
 */
size_t reload_check(const struct settings *s, char *const *directories, struct diag_list *errs);

#endif
