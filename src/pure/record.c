#include "record.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS	1000000
#define MS_PER_S	1000
#define S_PER_DAY	86400
#define SYSLOG_DAEMON	(3 << 3)	/* LOG_DAEMON of syslog(3) */

/*
 * Where a form is written.  Pieces are put whole or not at all; after the first one that does
 * not fit nothing more is put, so that a record is cut in one place.
 */
struct out {
	char *buf;
	size_t room;		/* bytes that may be used in all */
	size_t len;
	size_t keep;		/* of these, promised to closing pieces */
	bool cut;
};

/* How one form writes a byte that must not appear as it is. */
typedef void escape_byte(struct out *o, unsigned char c);

void
record_init(struct record *r, enum record_level level, const char *word)
{
	r->level = level;
	r->word = word;
	r->nfields = 0;
}

static struct record_field *
field_add(struct record *r, const char *key)
{
	struct record_field *f;

	assert(r->nfields < RECORD_FIELDS);
	f = &r->field[r->nfields++];
	memset(f, 0, sizeof(*f));
	f->key = key;
	return f;
}

void
record_text(struct record *r, const char *key, const char *text)
{
	if (text != NULL)
		record_bytes(r, key, text, strlen(text));
}

void
record_bytes(struct record *r, const char *key, const void *bytes, size_t len)
{
	struct record_field *f = field_add(r, key);

	f->type = RECORD_TEXT;
	f->text = len == 0 ? "" : bytes;
	f->len = len;
}

void
record_number(struct record *r, const char *key, int64_t number)
{
	struct record_field *f = field_add(r, key);

	f->type = RECORD_NUMBER;
	f->number = number;
}

void
record_seconds(struct record *r, const char *key, int64_t ns)
{
	struct record_field *f = field_add(r, key);

	f->type = RECORD_SECONDS;
	f->number = ns;
}

/* ---- pieces ---- */

static bool
put(struct out *o, const char *piece, size_t len)
{
	if (o->cut || len > o->room - o->keep - o->len) {
		o->cut = true;
		return false;
	}
	memcpy(o->buf + o->len, piece, len);
	o->len += len;
	return true;
}

static bool
put_text(struct out *o, const char *text)
{
	return put(o, text, strlen(text));
}

/* Put an opening piece only if its closing one will fit too; put_close() then cannot fail. */
static bool
put_open(struct out *o, const char *open, size_t close_len)
{
	size_t len = strlen(open);

	if (o->cut || len + close_len > o->room - o->keep - o->len) {
		o->cut = true;
		return false;
	}
	(void)put(o, open, len);
	o->keep += close_len;
	return true;
}

static void
put_close(struct out *o, const char *close)
{
	size_t len = strlen(close);

	assert(o->keep >= len);
	memcpy(o->buf + o->len, close, len);
	o->len += len;
	o->keep -= len;
}

size_t
record_plain_char(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s[0] == 0xc2)
		low = 0xa0;		/* U+0080 to U+009F steer terminals */
	else if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (n > len || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

static void
escape_hex(struct out *o, unsigned char c)
{
	char hex[5];

	(void)snprintf(hex, sizeof(hex), "\\x%02x", c);
	(void)put(o, hex, 4);
}

static void
escape_json(struct out *o, unsigned char c)
{
	char hex[6] = { '\\', (char)c };

	if (c == '"' || c == '\\') {
		(void)put(o, hex, 2);
		return;
	}
	(void)snprintf(hex, sizeof(hex), "\\\\x%02x", c);
	(void)put(o, hex, 5);
}

/* Any bytes, in runs of what may stand as it is. */
static void
put_escaped(struct out *o, const char *text, size_t len, escape_byte *escape)
{
	size_t n;

	for (size_t i = 0; i < len && !o->cut; i += n) {
		n = record_plain_char(text + i, len - i);
		if (n == 0 || text[i] == '"' || text[i] == '\\') {
			escape(o, (unsigned char)text[i]);
			n = 1;
		} else {
			(void)put(o, text + i, n);
		}
	}
}

/* Text of a field that is a number; returns buf. */
static const char *
number_text(const struct record_field *f, char *buf, size_t size)
{
	uint64_t ms;

	if (f->type == RECORD_NUMBER) {
		(void)snprintf(buf, size, "%" PRId64, f->number);
		return buf;
	}
	ms = (f->number < 0 ? 0 - (uint64_t)f->number : (uint64_t)f->number) / NS_PER_MS;
	(void)snprintf(buf, size, "%s%" PRIu64 ".%03" PRIu64, f->number < 0 && ms > 0 ? "-" : "",
	    ms / MS_PER_S, ms % MS_PER_S);
	return buf;
}

/* ---- text ---- */

static bool
wants_quotes(const struct record_field *f)
{
	if (f->len == 0)
		return true;
	for (size_t i = 0; i < f->len; i++) {
		if (f->text[i] == ' ' || f->text[i] == '"' || f->text[i] == '=' ||
		    f->text[i] == '\\')
			return true;
	}
	return false;
}

static void
put_text_field(struct out *o, const struct record_field *f)
{
	char head[80], number[32];

	if (f->type != RECORD_TEXT) {
		/* A number that is cut would be another number. */
		(void)snprintf(head, sizeof(head), " %s=%s", f->key,
		    number_text(f, number, sizeof(number)));
		(void)put_text(o, head);
	} else if (wants_quotes(f)) {
		(void)snprintf(head, sizeof(head), " %s=\"", f->key);
		if (put_open(o, head, 1)) {
			put_escaped(o, f->text, f->len, escape_hex);
			put_close(o, "\"");
		}
	} else {
		(void)snprintf(head, sizeof(head), " %s=", f->key);
		if (put_text(o, head))
			put_escaped(o, f->text, f->len, escape_hex);
	}
}

static void
put_text_form(struct out *o, const struct record *r)
{
	(void)put_text(o, r->word);
	for (size_t i = 0; i < r->nfields; i++)
		put_text_field(o, &r->field[i]);
}

size_t
record_format_text(const struct record *r, char *buf, size_t size)
{
	struct out o = { .buf = buf, .room = size - (size > 0) };

	if (size == 0)
		return 0;
	put_text_form(&o, r);
	buf[o.len] = '\0';
	return o.len;
}

size_t
record_format_syslog(const struct record *r, const char *stamp, int pid, char *buf, size_t size)
{
	struct out o = { .buf = buf, .room = size - (size > 0) };
	char head[96];

	if (size == 0)
		return 0;
	(void)snprintf(head, sizeof(head), "<%d>%s berthd[%d]: ", SYSLOG_DAEMON | (int)r->level,
	    stamp, pid);
	(void)put_text(&o, head);
	put_text_form(&o, r);
	buf[o.len] = '\0';
	return o.len;
}

/* ---- JSON ---- */

static const char *
level_name(enum record_level level)
{
	static const char *const name[] = {
		[RECORD_ERROR] = "error", [RECORD_WARNING] = "warning",
		[RECORD_NOTICE] = "notice", [RECORD_INFO] = "info", [RECORD_DEBUG] = "debug",
	};

	assert(level >= RECORD_ERROR && level <= RECORD_DEBUG);
	return name[level];
}

/*
 * "2026-01-01T00:00:00.123Z".  The date of a day number is Hinnant's civil_from_days
 * (howardhinnant.github.io/date_algorithms.html); gmtime_r(3) would read the time zone.
 */
static void
utc_text(int64_t realtime_ns, char *buf, size_t size)
{
	int64_t ms = realtime_ns / NS_PER_MS - (realtime_ns % NS_PER_MS < 0);
	int64_t s = ms / MS_PER_S - (ms % MS_PER_S < 0);
	int64_t days = s / S_PER_DAY - (s % S_PER_DAY < 0);
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	int year = (int)(yoe + era * 400) + (month <= 2);
	int tod = (int)(s - days * S_PER_DAY);

	(void)snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month,
	    (int)(doy - (153 * mp + 2) / 5 + 1), tod / 3600, tod / 60 % 60, tod % 60,
	    (int)(ms - s * MS_PER_S));
}

static void
put_json_field(struct out *o, const struct record_field *f)
{
	char head[80], number[32];

	if (f->type != RECORD_TEXT) {
		(void)snprintf(head, sizeof(head), ",\"%s\":%s", f->key,
		    number_text(f, number, sizeof(number)));
		(void)put_text(o, head);
		return;
	}
	(void)snprintf(head, sizeof(head), ",\"%s\":\"", f->key);
	if (put_open(o, head, 1)) {
		put_escaped(o, f->text, f->len, escape_json);
		put_close(o, "\"");
	}
}

size_t
record_format_json(const struct record *r, int64_t realtime_ns, char *buf, size_t size)
{
	struct out o = { .buf = buf, .room = size - (size > 0) };
	char head[160], when[64];

	if (size == 0)
		return 0;
	utc_text(realtime_ns, when, sizeof(when));
	(void)snprintf(head, sizeof(head), "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"",
	    when, level_name(r->level), r->word);
	if (put_open(&o, head, 1)) {
		for (size_t i = 0; i < r->nfields; i++)
			put_json_field(&o, &r->field[i]);
		put_close(&o, "}");
	}
	buf[o.len] = '\0';
	return o.len;
}

/* ---- journal ---- */

/* "BERTH_SERVICE=" of "service". */
static void
journal_name(const char *key, char *buf, size_t size)
{
	(void)snprintf(buf, size, "BERTH_%s=", key);
	for (char *p = buf; *p != '\0'; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
}

static void
put_journal_field(struct out *o, const struct record_field *f)
{
	char head[80], number[32];

	journal_name(f->key, head, sizeof(head));
	if (f->type == RECORD_TEXT) {
		if (!put_open(o, head, 1))
			return;
		put_escaped(o, f->text, f->len, escape_hex);
	} else {
		(void)number_text(f, number, sizeof(number));
		if (!put_open(o, head, strlen(number) + 1))
			return;
		put_close(o, number);
	}
	put_close(o, "\n");
}

size_t
record_format_journal(const struct record *r, char *buf, size_t size)
{
	struct out o = { .buf = buf, .room = size - (size > 0) };
	char head[160];

	if (size == 0)
		return 0;
	(void)snprintf(head, sizeof(head), "PRIORITY=%d\nSYSLOG_IDENTIFIER=berthd\n"
	    "BERTH_EVENT=%s\n", (int)r->level, r->word);
	(void)put_text(&o, head);
	if (put_open(&o, "MESSAGE=", 1)) {
		put_text_form(&o, r);
		put_close(&o, "\n");
	}
	for (size_t i = 0; i < r->nfields; i++)
		put_journal_field(&o, &r->field[i]);
	return o.len;
}
