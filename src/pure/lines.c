#include "lines.h"

#include <stdlib.h>
#include <string.h>

/* One byte more than a line may have: a '\r' there may still turn out to belong to the newline. */
#define PART_MAX (LINES_MAX + 1)
#define PART_MIN 128

static void
part_free(struct lines *l)
{
	free(l->part);
	l->part = NULL;
	l->len = l->room = 0;
}

/* Make room for len bytes in all; false without memory. */
static bool
part_grow(struct lines *l, size_t len)
{
	size_t room = l->room > 0 ? l->room : PART_MIN;
	char *p;

	if (len <= l->room)
		return true;
	while (room < len)
		room *= 2;
	if (room > PART_MAX)
		room = PART_MAX;
	p = realloc(l->part, room);
	if (p == NULL)
		return false;
	l->part = p;
	l->room = room;
	return true;
}

static void
emit_cut(struct lines *l, const char *line, size_t len, lines_emit *emit, void *arg)
{
	emit(arg, line, len, true);
	part_free(l);
	l->skip = true;
}

/*
 * Keep the beginning of a line whose end has not been read.  A line that is too long already is
 * emitted now and not at its newline: that may never come.
 */
static void
part_keep(struct lines *l, const char *bytes, size_t len, lines_emit *emit, void *arg)
{
	size_t take = PART_MAX - l->len < len ? PART_MAX - l->len : len;

	if (!part_grow(l, l->len + take)) {
		/* No memory: what is there is better than nothing. */
		if (l->len > 0)
			emit_cut(l, l->part, l->len < LINES_MAX ? l->len : LINES_MAX, emit, arg);
		else
			emit_cut(l, bytes, len < LINES_MAX ? len : LINES_MAX, emit, arg);
		return;
	}
	memcpy(l->part + l->len, bytes, take);
	l->len += take;
	if (take < len || (l->len > LINES_MAX && l->part[LINES_MAX] != '\r'))
		emit_cut(l, l->part, LINES_MAX, emit, arg);
}

/* A whole line, its newline gone. */
static void
line_emit(const char *line, size_t len, lines_emit *emit, void *arg)
{
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len > LINES_MAX)
		emit(arg, line, LINES_MAX, true);
	else
		emit(arg, line, len, false);
}

/* The rest of a line up to its newline was read. */
static void
line_end(struct lines *l, const char *bytes, size_t len, lines_emit *emit, void *arg)
{
	if (!l->skip && l->len == 0) {
		line_emit(bytes, len, emit, arg);
	} else if (!l->skip) {
		part_keep(l, bytes, len, emit, arg);
		if (!l->skip)
			line_emit(l->part, l->len, emit, arg);
		part_free(l);
	}
	l->skip = false;
}

void
lines_feed(struct lines *l, const char *bytes, size_t len, lines_emit *emit, void *arg)
{
	const char *newline;
	size_t n;

	while (len > 0 && (newline = memchr(bytes, '\n', len)) != NULL) {
		n = (size_t)(newline - bytes);
		line_end(l, bytes, n, emit, arg);
		bytes += n + 1;
		len -= n + 1;
	}
	if (len > 0 && !l->skip)
		part_keep(l, bytes, len, emit, arg);
}

void
lines_end(struct lines *l, lines_emit *emit, void *arg)
{
	if (l->len > LINES_MAX)
		emit(arg, l->part, LINES_MAX, true);
	else if (l->len > 0)
		emit(arg, l->part, l->len, false);
	part_free(l);
	l->skip = false;
}
