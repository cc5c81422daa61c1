#include <sys/ioctl.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/amount.h"
#include "../pure/record.h"
#include "../pure/text.h"
#include "../pure/xalloc.h"
#include "ctl.h"

char *
ctl_escape(const char *text)
{
	size_t len = strlen(text), at = 0, n;
	char *out = xcalloc(4 * len + 1, 1);

	for (size_t i = 0; i < len; i += n) {
		n = record_plain_char(text + i, len - i);
		if (n > 0) {
			memcpy(out + at, text + i, n);
			at += n;
		} else {
			at += (size_t)snprintf(out + at, 5, "\\x%02x", (unsigned char)text[i]);
			n = 1;
		}
	}
	return out;
}

static char *vformat(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* Formatted and escaped; caller frees. */
static char *
vformat(const char *fmt, va_list ap)
{
	char *text = text_vmake(fmt, ap), *out = ctl_escape(text);

	free(text);
	return out;
}

void
ctl_print(FILE *to, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = vformat(fmt, ap);
	va_end(ap);
	(void)fprintf(to, "%s\n", line);
	free(line);
}

void
ctl_complain(const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = vformat(fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "berthctl: %s\n", line);
	free(line);
}

/* ---- for terminals ---- */

static bool
has_colours(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL &&
	    term[0] != '\0' && strcmp(term, "dumb") != 0;
}

const char *
ctl_colour(enum ctl_colour c)
{
	static const char *const sequences[] = {
		[CTL_PLAIN] = "\033[0m", [CTL_GOOD] = "\033[32m", [CTL_BAD] = "\033[1;31m",
		[CTL_CARE] = "\033[33m", [CTL_FAINT] = "\033[2m",
	};

	return has_colours() ? sequences[c] : "";
}

/* Columns of a line; SIZE_MAX: it is no terminal. */
static size_t
line_width(void)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO))
		return SIZE_MAX;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40 ? w.ws_col : 80;
}

/* Bytes of the text that go into one line of so many columns; at least one word. */
static size_t
line_bytes(const char *text, size_t columns)
{
	size_t good = 0, used = 0, i;

	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] == ' ')
			good = i;
		used += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (used > columns && good > 0)
			return good;
	}
	return i;
}

void
ctl_paragraph(const char *head, enum ctl_colour colour, int indent, const char *fmt, ...)
{
	size_t width = line_width(), columns, len;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = vformat(fmt, ap);
	va_end(ap);
	columns = width == SIZE_MAX ? width : width - (size_t)indent;
	(void)printf("%s%-*s%s", ctl_colour(colour), indent, head,
	    colour == CTL_PLAIN ? "" : ctl_colour(CTL_PLAIN));
	for (const char *at = text;; at += len + 1) {
		len = line_bytes(at, columns);
		(void)printf("%.*s\n", (int)len, at);
		if (at[len] == '\0')
			break;
		(void)printf("%*s", indent, "");
	}
	free(text);
}

json_t *
ctl_text(const char *text)
{
	char *escaped;
	json_t *value = json_string(text);

	if (value != NULL)
		return value;
	escaped = ctl_escape(text);
	value = json_string(escaped);
	free(escaped);
	return value;
}

void
ctl_print_json(const json_t *value)
{
	/* What jansson leaves as it is may still steer a terminal. */
	size_t flags = JSON_INDENT(2) | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);

	(void)json_dumpf(value, stdout, flags);
	(void)putchar('\n');
}

const char *
ctl_string(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s == NULL ? "" : s;
}

long long
ctl_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *
ctl_or_dash(const char *text)
{
	return text[0] == '\0' ? "-" : text;
}

const char *
ctl_duration(double seconds, char *buf, size_t size)
{
	return amount_duration(seconds, buf, size);
}

/* ---- tables ---- */

static struct ctl_row *
row_add(struct ctl_table *t)
{
	/* the rows grow at each power of two */
	if ((t->count & (t->count - 1)) == 0)
		t->row = xreallocarray(t->row, t->count > 0 ? t->count * 2 : 1, sizeof(*t->row));
	t->row[t->count] = (struct ctl_row){ 0 };
	return &t->row[t->count++];
}

void
ctl_table_row(struct ctl_table *t, ...)
{
	struct ctl_row *row = row_add(t);
	const char *cell;
	va_list ap;

	va_start(ap, t);
	while ((cell = va_arg(ap, const char *)) != NULL) {
		assert(row->count < CTL_COLUMNS);
		row->cell[row->count++] = ctl_escape(cell);
	}
	va_end(ap);
}

void
ctl_table_note(struct ctl_table *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	row_add(t)->cell[0] = vformat(fmt, ap);
	va_end(ap);
}

/* Characters, of text that is escaped: valid UTF-8. */
static size_t
cell_width(const char *cell)
{
	size_t width = 0;

	for (; *cell != '\0'; cell++)
		width += ((unsigned char)*cell & 0xc0) != 0x80;
	return width;
}

static void
row_print(const struct ctl_row *row, const size_t *width)
{
	size_t used;

	if (row->count == 0)
		(void)printf("    %s", row->cell[0]);
	for (size_t i = 0; i < row->count; i++) {
		(void)printf("%s%s", i > 0 ? "  " : "", row->cell[i]);
		used = cell_width(row->cell[i]);
		if (i + 1 < row->count && used < width[i])
			(void)printf("%*s", (int)(width[i] - used), "");
	}
	(void)putchar('\n');
}

void
ctl_table_print(struct ctl_table *t)
{
	size_t width[CTL_COLUMNS] = { 0 };

	for (size_t k = 0; k < t->count; k++) {
		for (size_t i = 0; i < t->row[k].count; i++) {
			size_t w = cell_width(t->row[k].cell[i]);

			if (w > width[i] && w <= CTL_WIDE)
				width[i] = w;
		}
	}
	for (size_t k = 0; k < t->count; k++) {
		row_print(&t->row[k], width);
		for (size_t i = 0; i < CTL_COLUMNS; i++)
			free(t->row[k].cell[i]);
	}
	free(t->row);
	*t = (struct ctl_table){ 0 };
}
