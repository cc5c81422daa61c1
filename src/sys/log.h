/*
 * log - where records go: stderr, the journal, syslog
 *
 * Logging never blocks and never sets O_NONBLOCK on an inherited stderr (it belongs to others
 * too).  Records are formatted at once into a bounded buffer that is written at the end of the
 * turn; what does not fit is dropped, counted, and reported by one record
 * `dropped count=N` when there is room again.  One log per process.
 */
#ifndef BERTH_LOG_H
#define BERTH_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../pure/diag.h"
#include "../pure/record.h"
#include "../pure/spec.h"
#include "loop.h"

/*
 * Open the target.  auto is the journal when stderr is connected to it (JOURNAL_STREAM of
 * systemd.exec(5) names the device and inode of our stderr), else stderr.  Before this, and
 * where the journal or /dev/log cannot be reached, records go to stderr.  loop may be NULL (then
 * every record is written at once, as for `berthd -t`).  Called again it changes target, format and level, e.g. on reload;
 * what was buffered is written first as far as possible.  Never fails: a target that cannot be reached is tried
 * again with later records.
 */
void log_open(struct loop *loop, enum spec_log_target target, enum spec_log_format format,
    int level);

/*
 * Other sockets than /run/systemd/journal/socket and /dev/log, for tests.  The strings are borrowed
 * for good.
 */
void log_set_paths(const char *journal, const char *syslog);

/* The level in force, as syslog(3) numbers it; and is this one written? */
int log_level(void);
bool log_wants(enum record_level level);

/* CLOCK_REALTIME, for what is recorded with its time. */
int64_t log_realtime_ns(void);

/* Take one record (formatted at once; nothing of it is kept). */
void log_record(const struct record *r);

/* The usual short ways: one text field `message`. word: "warning", "error", "note", ... */
void log_message(enum record_level level, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Write what is buffered as far as the target takes it.  Called at the end of every turn. */
void log_flush(void);

/* Records that no target took, since the start: the sum of what `dropped` has reported, or will. */
uint64_t log_dropped(void);

/*
 * Last words at exit: wait at most 100 ms for the target, then close.  What the journal or syslog has not taken by then is
 * reported on stderr.
 */
void log_close(void);

#endif
