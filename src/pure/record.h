/*
 * record - one event as data, and its forms
 *
 * One event is one record is one line: "word key=value ...".  The same keys
 * everywhere: text, JSON lines, the journal's native fields (BERTH_SERVICE=...),
 * syslog.  Whatever came from outside is escaped here and nowhere else.
 */
#ifndef BERTH_RECORD_H
#define BERTH_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_FIELDS 16

/* Levels are those of syslog(3). */
enum record_level {
	RECORD_ERROR = 3, RECORD_WARNING = 4, RECORD_NOTICE = 5, RECORD_INFO = 6, RECORD_DEBUG = 7
};

struct record_field {
	const char *key;	/* [a-z_]+, a literal */
	enum { RECORD_TEXT, RECORD_NUMBER, RECORD_SECONDS } type;
	const char *text;	/* borrowed until the record was formatted; any bytes */
	size_t len;
	int64_t number;		/* or nanoseconds */
};

struct record {
	enum record_level level;
	const char *word;	/* "start", "exit", "refuse", "stderr", ...: a literal */
	size_t nfields;
	struct record_field field[RECORD_FIELDS];
};

void record_init(struct record *r, enum record_level level, const char *word);
/* Add a field; a NULL text adds nothing.  More than RECORD_FIELDS is an assertion. */
void record_text(struct record *r, const char *key, const char *text);
void record_bytes(struct record *r, const char *key, const void *bytes, size_t len);
void record_number(struct record *r, const char *key, int64_t number);
void record_seconds(struct record *r, const char *key, int64_t ns);	/* 0.012 (milliseconds) */

/*
 * Length of the character at text (len >= 1) that may stand as it is: 1 to 4 bytes of valid UTF-8 (RFC
 * 3629: no overlong form, no surrogate, at most U+10FFFF), and no control character, C1 (U+0080 to
 * U+009F, which steer terminals) included; 0: the first byte has to be escaped.
 */
size_t record_plain_char(const char *text, size_t len);

/*
 * Each writes at most size-1 bytes and a NUL (journal: no NUL), and returns the
 * length without the NUL.  A record that does not fit is cut at a character
 * (text: values keep their closing quote).  RECORD_MAX always suffices for a
 * record whose texts are at most 4.5 KiB together.
 */
#define RECORD_MAX 40960

/*
 * 'word key=value key="va lue"': a value is quoted when it is empty or has a space, '"', '=' or
 * '\\'.  Control bytes, '"', '\\' and invalid UTF-8 become \xHH.  No newline at the end.
 */
size_t record_format_text(const struct record *r, char *buf, size_t size);

/*
 * One JSON object: {"time":"2026-01-01T00:00:00.123Z","level":"info","event":"start",...}.  Numbers are
 * numbers.  Invalid UTF-8 and control bytes become the four characters \xHH (JSON-escaped), so that
 * the line is always valid UTF-8.  realtime_ns: CLOCK_REALTIME, given by the caller.
 */
size_t record_format_json(const struct record *r, int64_t realtime_ns, char *buf, size_t size);

/*
 * The journal's native datagram (systemd.io/JOURNAL_NATIVE_PROTOCOL): MESSAGE= as the text form,
 * PRIORITY=, SYSLOG_IDENTIFIER=berthd, BERTH_EVENT=start, BERTH_<KEY>=value with the value escaped
 * as in text but never quoted; a value with a newline cannot occur, as control bytes are escaped.
 */
size_t record_format_journal(const struct record *r, char *buf, size_t size);

/* RFC 3164 as glibc's syslog(3) sends it: "<30>Jan  2 03:04:05 berthd[17]: start ...".  stamp: "Jan  2 03:04:05". */
size_t record_format_syslog(const struct record *r, const char *stamp, int pid, char *buf,
    size_t size);

#endif
