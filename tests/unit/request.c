#include "../../src/pure/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* An exact copy on the heap, so that a sanitizer sees what is read beyond it. */
static char *
copy(const char *text, size_t len)
{
	char *p = malloc(len > 0 ? len : 1);

	memcpy(p, text, len);
	return p;
}

static void
test_progress(void)
{
	static const struct {
		const char *label, *input;
		enum request_progress want;
		size_t head;
	} rows[] = {
		{ "nothing yet", "", REQUEST_MORE, 0 },
		{ "half a line", "GET /met", REQUEST_MORE, 0 },
		{ "a line and no end", "GET / HTTP/1.0\r\n", REQUEST_MORE, 0 },
		{ "half an end of line", "GET / HTTP/1.0\r", REQUEST_MORE, 0 },
		{ "half an empty line", "GET / HTTP/1.0\r\n\r", REQUEST_MORE, 0 },
		{ "an empty line ends it", "GET / HTTP/1.0\r\n\r\n", REQUEST_WHOLE, 18 },
		{ "so after a field", "GET / HTTP/1.0\r\na: b\r\n\r\n", REQUEST_WHOLE, 24 },
		{ "what follows is not of it", "GET / HTTP/1.0\r\n\r\nGET", REQUEST_WHOLE, 18 },
		{ "an empty line before it is passed over", "\r\nGET / HTTP/1.0\r\n\r\n", REQUEST_WHOLE, 20 },
		{ "only empty lines: it may come", "\r\n\r\n", REQUEST_MORE, 0 },
		{ "LF alone ends no line", "GET / HTTP/1.0\n", REQUEST_BAD, 0 },
		{ "nor CR alone", "GET / HTTP/1.0\rx", REQUEST_BAD, 0 },
		{ "a control byte", "GET /\x01", REQUEST_BAD, 0 },
		{ "DEL", "GET /\x7f", REQUEST_BAD, 0 },
		{ "a TLS handshake is seen at its first byte", "\x16\x03\x01", REQUEST_BAD, 0 },
		{ "a tabulator is text", "a:\tb", REQUEST_MORE, 0 },
		{ "so are bytes of UTF-8", "a: \xc3\xa9", REQUEST_MORE, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].input), head = 0;
		char *buf = copy(rows[i].input, len);
		enum request_progress got = request_progress(buf, len, &head);

		UNIT_CHECK(rows[i].label, got == rows[i].want && head == rows[i].head,
		    "got %d, %zu bytes, want %d, %zu", (int)got, head, (int)rows[i].want, rows[i].head);
		free(buf);
	}
}

static void
test_nul(void)
{
	size_t head = 0;

	UNIT_CHECK("a NUL", request_progress("GET\0/", 5, &head) == REQUEST_BAD, "not refused");
}

static void
test_parse(void)
{
	static const struct {
		const char *label, *input;
		int status;
		enum request_method method;
		const char *path, *query, *host, *accept;
	} rows[] = {
		{ "GET", "GET /metrics HTTP/1.1\r\nHost: a:1\r\n", 0, REQUEST_GET, "/metrics", "", "a:1", "" },
		{ "HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n", 0, REQUEST_HEAD, "/", "", "a", "" },
		{ "a method has its letters", "get / HTTP/1.0\r\n", 0, REQUEST_OTHER, "/", "", "", "" },
		{ "another", "POST /x HTTP/1.0\r\n", 0, REQUEST_OTHER, "/x", "", "", "" },
		{ "OPTIONS *", "OPTIONS * HTTP/1.0\r\n", 0, REQUEST_OTHER, "*", "", "", "" },
		{ "a query", "GET /p?a=b?c HTTP/1.0\r\n", 0, REQUEST_GET, "/p", "a=b?c", "", "" },
		{ "as for a proxy", "GET http://h:1/p?q HTTP/1.1\r\nHost: h:1\r\n", 0, REQUEST_GET, "/p", "q", "h:1", "" },
		{ "as for a proxy, without a path", "GET http://h HTTP/1.1\r\nHost: h\r\n", 0, REQUEST_GET, "/", "", "h", "" },
		{ "as for a proxy, with only a query", "GET http://h?a=/b HTTP/1.1\r\nHost: h\r\n", 0, REQUEST_GET, "/", "a=/b", "h", "" },
		{ "only a query", "POST ?a HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "nothing is decoded", "GET /%6detrics HTTP/1.0\r\n", 0, REQUEST_GET, "/%6detrics", "", "", "" },
		{ "names have no case, values lose the white space around them",
		    "GET / HTTP/1.0\r\nhOST:\t h \t\r\n", 0, REQUEST_GET, "/", "", "h", "" },
		{ "an empty value", "GET / HTTP/1.1\r\nHost:\r\n", 0, REQUEST_GET, "/", "", "", "" },
		{ "several Accept are one list", "GET / HTTP/1.0\r\nAccept: a/b\r\nX: y\r\naccept: c/d\r\n", 0,
		    REQUEST_GET, "/", "", "", "a/b,c/d" },
		{ "HTTP/1.7 is HTTP/1", "GET / HTTP/1.7\r\nHost: h\r\n", 0, REQUEST_GET, "/", "", "h", "" },
		{ "HTTP/2.0 is not", "PRI * HTTP/2.0\r\n", 505, 0, 0, 0, 0, 0 },
		{ "HTTP/0.9 had no version", "GET /\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a version in small letters", "GET / http/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a version with too many digits", "GET / HTTP/1.10\r\n", 400, 0, 0, 0, 0, 0 },
		{ "two spaces", "GET  / HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a space in the target", "GET /a b HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a tabulator in the target", "GET /a\tb HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a target beyond ASCII", "GET /\xc3\xa9 HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a target without its slash", "GET metrics HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "no method", " / HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a method that is no token", "G(T / HTTP/1.0\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a space after the version", "GET / HTTP/1.0 \r\n", 400, 0, 0, 0, 0, 0 },
		{ "HTTP/1.1 needs a Host", "GET / HTTP/1.1\r\n", 400, 0, 0, 0, 0, 0 },
		{ "two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400, 0, 0, 0, 0, 0 },
		{ "two names in a Host", "GET / HTTP/1.1\r\nHost: a, b\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a field without a colon", "GET / HTTP/1.0\r\nHost\r\n", 400, 0, 0, 0, 0, 0 },
		{ "white space before the colon", "GET / HTTP/1.0\r\nHost : a\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a folded line", "GET / HTTP/1.0\r\nA: b\r\n c\r\n", 400, 0, 0, 0, 0, 0 },
		{ "a field without a name", "GET / HTTP/1.0\r\n: b\r\n", 400, 0, 0, 0, 0, 0 },
		{ "an empty line before it", "\r\nGET /a HTTP/1.0\r\n", 0, REQUEST_GET, "/a", "", "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].input), head = 0;
		char text[256], *buf;
		struct request r = { 0 };
		int status;
		bool same;

		(void)snprintf(text, sizeof(text), "%s\r\n", rows[i].input);
		buf = copy(text, len + 2);
		same = request_progress(buf, len + 2, &head) == REQUEST_WHOLE && head == len + 2;
		status = same ? request_parse(buf, head, &r) : -1;
		if (status == 0 && rows[i].status == 0)
			same = r.method == rows[i].method && strcmp(r.path, rows[i].path) == 0 &&
			    strcmp(r.query, rows[i].query) == 0 && strcmp(r.host, rows[i].host) == 0 &&
			    strcmp(r.accept, rows[i].accept) == 0;
		UNIT_CHECK(rows[i].label, same && status == rows[i].status,
		    "got %d %s?%s host %s accept %s, want %d", status, status == 0 ? r.path : "",
		    status == 0 ? r.query : "", status == 0 ? r.host : "", status == 0 ? r.accept : "",
		    rows[i].status);
		free(buf);
	}
}

/* How much is left of an Accept of so many bytes, in two fields. */
static size_t
accepted(size_t bytes)
{
	struct request r;
	char text[4096];
	size_t head = 0;
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.0\r\nAccept: %0*d\r\nAccept: *\r\n\r\n",
	    (int)bytes - 2, 0);

	if (request_progress(text, (size_t)n, &head) != REQUEST_WHOLE || request_parse(text, head, &r) != 0)
		return SIZE_MAX;
	return strlen(r.accept);
}

static void
test_long_accept(void)
{
	size_t got = accepted(1023);

	UNIT_CHECK("an Accept that has room", got == 1023, "got %zu bytes, want 1023", got);
	got = accepted(1024);
	UNIT_CHECK("one that has none is not looked at", got == 0, "got %zu bytes, want 0", got);
}

static void
test_quality(void)
{
	static const struct {
		const char *label, *accept, *type, *version;
		unsigned want;
	} rows[] = {
		{ "no list", "", "text/plain", NULL, 0 },
		{ "named", "text/plain", "text/plain", NULL, 1000 },
		{ "without case", "Text/PLAIN", "text/plain", NULL, 1000 },
		{ "another", "text/html", "text/plain", NULL, 0 },
		{ "a longer one", "text/plainer", "text/plain", NULL, 0 },
		{ "with a quality", "text/plain;q=0.5", "text/plain", NULL, 500 },
		{ "three digits", "text/plain; q=0.125", "text/plain", NULL, 125 },
		{ "more do not count", "text/plain; q=0.1259", "text/plain", NULL, 125 },
		{ "not wanted", "text/plain;q=0", "text/plain", NULL, 0 },
		{ "not wanted at all", "text/plain;q=0.000", "text/plain", NULL, 0 },
		{ "1.000", "text/plain;q=1.000", "text/plain", NULL, 1000 },
		{ "a quality that is none", "text/plain;q=x", "text/plain", NULL, 1000 },
		{ "Q", "text/plain;Q=0.3", "text/plain", NULL, 300 },
		{ "the second of a list", "text/html, text/plain;q=0.4", "text/plain", NULL, 400 },
		{ "the best of several", "a/b;q=0.2,a/b;q=0.7,a/b;q=0.1", "a/b", NULL, 700 },
		{ "a wildcard is another name", "*/*", "text/plain", NULL, 0 },
		{ "that can be asked for", "text/html,*/*;q=0.1", "*/*", NULL, 100 },
		{ "a version that is asked for", "a/b;version=1.0.0", "a/b", "1.0.0", 1000 },
		{ "quoted", "a/b;version=\"1.0.0\";q=0.5", "a/b", "1.0.0", 500 },
		{ "quoted with a backslash", "a/b;version=\"1\\.0.0\"", "a/b", "1.0.0", 1000 },
		{ "none is any", "a/b;charset=utf-8", "a/b", "1.0.0", 1000 },
		{ "another version", "a/b;version=0.0.1", "a/b", "1.0.0", 0 },
		{ "a longer version", "a/b;version=1.0.0.0.0.0.0.0.0.0.0", "a/b", "1.0.0", 0 },
		{ "one of two versions", "a/b;version=1.0.0;q=0.6,a/b;version=0.0.1;q=0.75", "a/b", "1.0.0", 600 },
		{ "a comma in quotes separates nothing", "x/y;z=\",a/b\",a/b;q=0.3", "a/b", NULL, 300 },
		{ "white space anywhere", " a/b ; version = 1.0.0 ; q = 0.5 , c/d", "a/b", "1.0.0", 500 },
		{ "a quote that does not end", "a/b;version=\"1.0.0", "a/b", "1.0.0", 1000 },
		{ "rubbish", ";;=,,;q=,\"", "a/b", NULL, 0 },
		{ "rubbish before it", "%%,(x);,a/b", "a/b", NULL, 1000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *accept = copy(rows[i].accept, strlen(rows[i].accept) + 1);
		unsigned got = request_quality(accept, rows[i].type, rows[i].version);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "%s: got %u, want %u", rows[i].accept, got,
		    rows[i].want);
		free(accept);
	}
}

static void
test_host(void)
{
	static const struct {
		const char *label, *input;
		bool want;
	} rows[] = {
		{ "an address", "127.0.0.1", true },
		{ "with a port", "127.0.0.1:9090", true },
		{ "an IPv6 address", "[::1]:9090", true },
		{ "localhost", "localhost", true },
		{ "with a port and without case", "LocalHost:80", true },
		{ "none", "", true },
		{ "a name", "example.org", false },
		{ "a name that looks like an address", "127.0.0.1.example.org", false },
		{ "a name that begins like localhost", "localhost.example.org", false },
		{ "a name with a port", "a:80", false },
		{ "a port alone", ":80", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool got = request_host_is_literal(rows[i].input);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "%s: got %d, want %d", rows[i].input, got,
		    rows[i].want);
	}
}

int
main(void)
{
	test_progress();
	test_nul();
	test_parse();
	test_long_accept();
	test_quality();
	test_host();
	return unit_done();
}
