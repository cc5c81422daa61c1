#include "locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

struct scan {
	const char *at, *end;
	const char *found;	/* NULL: nothing so far */
	unsigned found_depth;
};

static void value(struct scan *s, const char *rest, unsigned depth);

static void
space(struct scan *s)
{
	while (s->at < s->end && strchr(" \t\r\n,:", *s->at) != NULL && *s->at != '\0')
		s->at++;
}

/* Past a string that begins here. */
static void
string(struct scan *s)
{
	for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
		if (*s->at == '\\')
			s->at++;
	s->at++;
}

/* Past a number or a word. */
static void
word(struct scan *s)
{
	const char *began = s->at;

	while (s->at < s->end && strchr(" \t\r\n,:]}", *s->at) == NULL)
		s->at++;
	if (s->at == began)
		s->at = s->end;
}

static void
note(struct scan *s, const char *where, unsigned depth)
{
	if (s->found != NULL && s->found_depth >= depth)
		return;
	s->found = where;
	s->found_depth = depth;
}

/* What is left of a path after this name; NULL: it leads elsewhere. */
static const char *
after(const char *rest, const char *name, size_t len)
{
	if (rest == NULL || strncmp(rest, name, len) != 0)
		return NULL;
	rest += len;
	if (rest[0] == '.')
		return rest + 1;
	return rest[0] == '\0' || rest[0] == '[' ? rest : NULL;
}

static void
object(struct scan *s, const char *rest, unsigned depth)
{
	const char *name, *inside;

	for (s->at++, space(s); s->at < s->end && *s->at == '"'; space(s)) {
		name = s->at;
		string(s);
		inside = s->at > s->end ? NULL : after(rest, name + 1, (size_t)(s->at - name) - 2);
		if (inside != NULL)
			note(s, name, depth);
		space(s);
		value(s, inside, depth + 1);
	}
	s->at++;
}

static void
array(struct scan *s, const char *rest, unsigned depth)
{
	char index[24];
	const char *inside;

	s->at++;
	space(s);
	for (unsigned i = 0; s->at < s->end && *s->at != ']'; i++, space(s)) {
		(void)snprintf(index, sizeof(index), "[%u]", i);
		inside = after(rest, index, strlen(index));
		if (inside != NULL)
			note(s, s->at, depth);
		value(s, inside, depth + 1);
	}
	s->at++;
}

/* rest: what is left of the path; NULL: it leads elsewhere. */
static void
value(struct scan *s, const char *rest, unsigned depth)
{
	if (s->at >= s->end || depth > DEPTH_MAX)
		s->at = s->end;
	else if (*s->at == '{')
		object(s, rest, depth);
	else if (*s->at == '[')
		array(s, rest, depth);
	else if (*s->at == '"')
		string(s);
	else
		word(s);
}

bool
locate_key(const char *text, size_t len, const char *path, unsigned *line)
{
	struct scan s = { .at = text, .end = text + len };

	space(&s);
	value(&s, path, 0);
	if (s.found == NULL)
		return false;
	*line = 1;
	for (const char *p = text; p < s.found; p++)
		*line += *p == '\n';
	return true;
}

bool
locate_path(const char *message, char *buf, size_t size)
{
	bool quoted = message[0] == '"';
	const char *end = strstr(message + quoted, quoted ? "\" is not a known key" : ": ");
	size_t len = end == NULL ? 0 : (size_t)(end - message) - quoted;

	if (len == 0 || len >= size)
		return false;
	memcpy(buf, message + quoted, len);
	buf[len] = '\0';
	return true;
}
