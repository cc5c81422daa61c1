#include "diag.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

/*
 * The greatest length <= len at which text may be cut without leaving a part of a UTF-8
 * character: a message travels in JSON, which takes no broken one.
 */
static size_t
cut_at(const char *text, size_t len)
{
	size_t lead = len, want;
	unsigned char c;

	while (lead > 0 && len - lead < 3 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0)
		return len;
	c = (unsigned char)text[--lead];
	want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	return len - lead < want ? lead : len;
}

void
diag_vset(struct diag *why, const char *fmt, va_list ap)
{
	int n;

	if (why == NULL)
		return;
	n = vsnprintf(why->text, sizeof(why->text), fmt, ap);
	assert(n >= 0);
	if ((size_t)n >= sizeof(why->text))
		why->text[cut_at(why->text, sizeof(why->text) - 1)] = '\0';
}

void
diag_set(struct diag *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_vset(why, fmt, ap);
	va_end(ap);
}

void
diag_prefix(struct diag *why, const char *fmt, ...)
{
	struct diag old, prefix;
	va_list ap;

	if (why == NULL)
		return;
	old = *why;
	va_start(ap, fmt);
	diag_vset(&prefix, fmt, ap);
	va_end(ap);
	diag_set(why, "%s%s", prefix.text, old.text);
}

/* Write the quoted form of one byte; returns its length, at most 4. */
static size_t
quote_byte(unsigned char c, char out[8])
{
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 8, "\\%c", c);
	if (c < 0x20 || c == 0x7f)
		return (size_t)snprintf(out, 8, "\\x%02X", c);
	out[0] = (char)c;
	return 1;
}

const char *
diag_quote(const char *text, char *buf, size_t size)
{
	size_t at = 1, i;
	char one[8];

	assert(size >= 8);
	buf[0] = '"';
	for (i = 0; text[i] != '\0'; i++) {
		size_t n = quote_byte((unsigned char)text[i], one);

		/* room for this, the dots, the quote and the NUL */
		if (at + n + 5 > size)
			break;
		memcpy(buf + at, one, n);
		at += n;
	}
	if (text[i] != '\0') {
		at = cut_at(buf, at);
		memcpy(buf + at, "...", 3);
		at += 3;
	}
	memcpy(buf + at, "\"", 2);
	return buf;
}

void
diag_list_add(struct diag_list *list, const char *fmt, ...)
{
	va_list ap, again;
	char *text;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	text = xcalloc((size_t)n + 1, 1);
	vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);

	/* the list grows at each power of two */
	if ((list->count & (list->count - 1)) == 0)
		list->text = xreallocarray(list->text, list->count ? list->count * 2 : 1,
		    sizeof(*list->text));
	list->text[list->count++] = text;
}

void
diag_list_free(struct diag_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->text[i]);
	free(list->text);
	*list = (struct diag_list){0};
}
