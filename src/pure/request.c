#include "request.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2 */
static bool
is_token_char(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static size_t
token_length(const char *s)
{
	size_t n = 0;

	while (is_token_char((unsigned char)s[n]))
		n++;
	return n;
}

/* What may stand in a line, so that one of a TLS handshake or of another protocol is not waited for. */
static bool
is_text(unsigned char c)
{
	return c >= ' ' ? c != 0x7f : c == '\t';
}

/* Empty lines before the request are passed over (RFC 9112, 2.2). */
static size_t
leading(const char *buf, size_t len)
{
	size_t at = 0;

	while (len - at >= 2 && buf[at] == '\r' && buf[at + 1] == '\n')
		at += 2;
	return at;
}

enum request_progress
request_progress(const char *buf, size_t len, size_t *head)
{
	size_t begin = leading(buf, len), line = begin;

	for (size_t i = begin; i < len; i++) {
		if (is_text((unsigned char)buf[i]))
			continue;
		if (buf[i] != '\r' || (i + 1 < len && buf[i + 1] != '\n'))
			return REQUEST_BAD;
		if (i + 1 == len)
			break;
		if (i == line && i > begin) {
			*head = i + 2;
			return REQUEST_WHOLE;
		}
		line = i + 2;
		i++;
	}
	return REQUEST_MORE;
}

/* The line at *at without its end, which becomes a NUL; *at moves on. */
static char *
take_line(char **at)
{
	char *line = *at, *end = strchr(line, '\r');

	assert(end != NULL);
	*end = '\0';
	*at = end + 2;
	return line;
}

/* RFC 9112, 2.3 */
static int
check_version(const char *v)
{
	if (strlen(v) != 8 || strncmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' ||
	    v[7] < '0' || v[7] > '9')
		return 400;
	return v[5] == '1' ? 0 : 505;
}

static bool
is_target(const char *s)
{
	while ((unsigned char)*s > ' ' && (unsigned char)*s < 0x7f)
		s++;
	return *s == '\0';
}

/*
 * The path of a target without its query: "/path", or "http://host/path" as for a proxy.  Others ("*", "host:port")
 * are none, and for methods that are not ours.
 */
static const char *
target_path(const char *target)
{
	const char *slash;

	if (strncasecmp(target, "http://", 7) != 0)
		return target;
	slash = strchr(target + 7, '/');
	return slash != NULL ? slash : "/";
}

static int
parse_target(char *target, struct request *r)
{
	char *query = strchr(target, '?');

	if (!is_target(target))
		return 400;
	r->query = "";
	if (query != NULL) {
		*query = '\0';
		r->query = query + 1;
	}
	r->path = target_path(target);
	return r->path[0] == '/' || (r->path[0] != '\0' && r->method == REQUEST_OTHER) ? 0 : 400;
}

static int
parse_request_line(char *line, struct request *r, bool *needs_host)
{
	size_t n = token_length(line);
	char *target = line + n, *version;
	int status;

	if (n == 0 || *target != ' ')
		return 400;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (version == NULL)
		return 400;
	*version++ = '\0';
	if ((status = check_version(version)) != 0)
		return status;
	*needs_host = version[7] != '0';
	r->method = strcmp(line, "GET") == 0 ? REQUEST_GET :
	    strcmp(line, "HEAD") == 0 ? REQUEST_HEAD : REQUEST_OTHER;
	return parse_target(target, r);
}

/* "Name: value", RFC 9112, 5.1: no white space before the colon, none at the begin of the line. */
static char *
field_value(char *line)
{
	size_t n = token_length(line);
	char *value, *end;

	if (n == 0 || line[n] != ':')
		return NULL;
	line[n] = '\0';
	value = line + n + 1;
	value += strspn(value, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return value;
}

/* One of several fields of this name: they are one list. */
static void
add_accept(struct request *r, const char *value, bool *too_long)
{
	size_t at = strlen(r->accept), n = strlen(value);

	if (*too_long || at + n + 2 > sizeof(r->accept)) {
		*too_long = true;
		r->accept[0] = '\0';
		return;
	}
	if (at > 0)
		r->accept[at++] = ',';
	memcpy(r->accept + at, value, n + 1);
}

static bool
is_host(const char *s)
{
	return s[strcspn(s, " \t/?#@,")] == '\0';
}

int
request_parse(char *buf, size_t head, struct request *r)
{
	char *at = buf + leading(buf, head);
	bool needs_host = false, too_long = false;
	const char *host = NULL;
	int status;

	*r = (struct request){ 0 };
	if ((status = parse_request_line(take_line(&at), r, &needs_host)) != 0)
		return status;
	while (at + 2 < buf + head) {
		char *line = take_line(&at), *value = field_value(line);

		if (value == NULL)
			return 400;
		if (strcasecmp(line, "Accept") == 0)
			add_accept(r, value, &too_long);
		if (strcasecmp(line, "Host") != 0)
			continue;
		if (host != NULL || !is_host(value))
			return 400;
		host = value;
	}
	if (host == NULL && needs_host)
		return 400;
	r->host = host != NULL ? host : "";
	return 0;
}

/* ---- Accept: RFC 9110, 12.5.1 ---- */

static const char *
skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* The value at s, a token or quoted, as far as there is room for it; returns what follows. */
static const char *
take_value(const char *s, char *value, size_t size)
{
	size_t at = 0;
	bool quoted = *s == '"';

	for (s += quoted; *s != '\0' && (quoted ? *s != '"' : is_token_char((unsigned char)*s)); s++) {
		if (quoted && *s == '\\' && s[1] != '\0')
			s++;
		if (at + 1 < size)
			value[at++] = *s;
	}
	value[at] = '\0';
	return s + (quoted && *s == '"');
}

/* "0.75" in thousandths; what is none is 1, as if it were absent. */
static unsigned
quality(const char *s)
{
	unsigned q = 0, unit = 100;

	if ((s[0] != '0' && s[0] != '1') || (s[1] != '\0' && s[1] != '.'))
		return 1000;
	if (s[0] == '1')
		return 1000;
	for (s += s[1] == '.' ? 2 : 1; *s >= '0' && *s <= '9'; s++, unit /= 10)
		q += unit * (unsigned)(*s - '0');
	return q;
}

/* Parameters of one item: its quality, 0 when it is another version.  *at moves to the end of the item. */
static unsigned
item_quality(const char **at, const char *version)
{
	char name[16], value[16];
	const char *s = *at;
	unsigned q = 1000;
	bool other = false;

	while (*(s = skip_space(s)) == ';') {
		s = take_value(skip_space(s + 1), name, sizeof(name));
		value[0] = '\0';
		if (*(s = skip_space(s)) == '=')
			s = take_value(skip_space(s + 1), value, sizeof(value));
		if (strcasecmp(name, "q") == 0)
			q = quality(value);
		else if (version != NULL && strcasecmp(name, "version") == 0)
			other = strcmp(value, version) != 0;
	}
	*at = s;
	return other ? 0 : q;
}

unsigned
request_quality(const char *accept, const char *type, const char *version)
{
	size_t n = strlen(type);
	unsigned best = 0;

	for (const char *s = accept; *s != '\0'; s += *s == ',') {
		size_t len = strcspn(s = skip_space(s), " \t;,");
		bool named = len == n && strncasecmp(s, type, n) == 0;
		unsigned q;

		s += len;
		q = item_quality(&s, version);
		if (named && q > best)
			best = q;
		s += strcspn(s, ",");
	}
	return best;
}

/* ---- Host ---- */

bool
request_host_is_literal(const char *host)
{
	size_t n = strcspn(host, ":");

	if (host[0] == '[' || host[0] == '\0')
		return true;
	if (n == 9 && strncasecmp(host, "localhost", n) == 0)
		return true;
	return n > 0 && strspn(host, "0123456789.") == n;
}
