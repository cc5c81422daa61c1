#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/text.h"
#include "../sys/loop.h"

#define MAKE_SECONDS 20			/* for an answer, which bounds itself: more than enough */
#define LINGER_MS 1000			/* for the client to take what was sent, before the connection is closed */
#define LINGER_BYTES (1 << 20)

static int64_t
now_ms(void)
{
	return loop_clock() / 1000000;
}

/* Until the descriptor is ready; false when the time is up. */
static bool
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - now_ms();
		n = left > 0 ? poll(&p, 1, (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* ---- receiving ---- */

/*
 * Read a head into buf.  Returns its length; 0: nothing was asked, or the client has gone; or less than 0: the
 * status to answer with, negative.
 */
static ssize_t
read_head(char buf[static REQUEST_HEAD_MAX], int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	enum request_progress progress;
	size_t len = 0, head = 0;
	ssize_t n;

	while ((progress = request_progress(buf, len, &head)) == REQUEST_MORE) {
		if (len == REQUEST_HEAD_MAX)
			return -431;
		if (!wait_for(STDIN_FILENO, POLLIN, deadline))
			return len > 0 ? -408 : 0;
		n = read(STDIN_FILENO, buf + len, REQUEST_HEAD_MAX - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		len += (size_t)n;
	}
	return progress == REQUEST_WHOLE ? (ssize_t)head : -400;
}

/* ---- sending ---- */

/* Some of it, without being held: 0 or -1 as write(2). */
static ssize_t
send_some(const char *text, size_t len)
{
	ssize_t n = send(STDOUT_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)		/* a pipe that polls writable takes so much at once */
		n = write(STDOUT_FILENO, text, len < PIPE_BUF ? len : PIPE_BUF);
	return n;
}

static bool
send_all(const char *text, size_t len, int64_t deadline)
{
	while (len > 0) {
		ssize_t n;

		if (!wait_for(STDOUT_FILENO, POLLOUT, deadline))
			return false;
		n = send_some(text, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/*
 * Closing with bytes unread resets the connection, and may destroy the answer on its way.  So they are read, for a
 * while.
 */
static void
linger(void)
{
	int64_t deadline = now_ms() + LINGER_MS;
	size_t total = 0;
	char waste[4096];
	ssize_t n = 1;

	if (shutdown(STDOUT_FILENO, SHUT_WR) != 0)
		return;
	while (n > 0 && total < LINGER_BYTES && wait_for(STDIN_FILENO, POLLIN, deadline)) {
		n = recv(STDIN_FILENO, waste, sizeof(waste), MSG_DONTWAIT);
		total += n > 0 ? (size_t)n : 0;
	}
}

static const char *
phrase(int status)
{
	static const struct {
		int status;
		const char *text;
	} phrases[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 421, "Misdirected Request" }, { 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	assert(false);
	return "";
}

static void
respond(int status, const struct http_answer *a, bool body, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	char *head = text_make("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: close\r\n\r\n",
	    status, phrase(status), a->type, a->len, a->headers != NULL ? a->headers : "");

	if (send_all(head, strlen(head), deadline) && (!body || send_all(a->body, a->len, deadline)))
		linger();
	free(head);
}

/* An answer that only says what is wrong. */
static void
refuse(int status, const char *why, bool body, int timeout_ms)
{
	struct http_answer a = { .type = "text/plain; charset=utf-8" };

	a.body = text_make("%d %s%s%s\n", status, phrase(status), why[0] != '\0' ? ": " : "", why);
	a.len = strlen(a.body);
	a.headers = status == 405 ? "Allow: GET, HEAD\r\n" : NULL;
	respond(status, &a, body, timeout_ms);
	free(a.body);
}

/* ---- what is asked for ---- */

/* The connection came to a loopback address, or it is none that could tell. */
static bool
is_loopback(void)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage ss;
	} local;
	socklen_t len = sizeof(local);

	if (getsockname(STDIN_FILENO, &local.sa, &len) != 0)
		return false;
	if (local.sa.sa_family == AF_INET)
		return ntohl(local.in.sin_addr.s_addr) >> 24 == 127;
	return local.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&local.in6.sin6_addr);
}

static const struct http_page *
page_find(const struct http_page *pages, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	return NULL;
}

static int
serve_page(const struct http_page *page, const struct request *r, int timeout_ms)
{
	struct http_answer a = { 0 };
	bool body = r->method == REQUEST_GET;
	int status;

	(void)alarm(MAKE_SECONDS);
	status = page->make(page->arg, r, &a);
	(void)alarm(0);
	if (a.body != NULL)
		respond(status == 0 ? 200 : 503, &a, body, timeout_ms);
	else
		refuse(503, "berthd cannot be asked; this service's log says why", body, timeout_ms);
	free(a.body);
	return status;
}

static int
serve(const struct http_page *pages, size_t n, const struct request *r, int timeout_ms)
{
	const struct http_page *page = page_find(pages, n, r->path);
	bool body = r->method != REQUEST_HEAD;

	if (!request_host_is_literal(r->host) && is_loopback())
		refuse(421, "on a loopback address, ask by address or for localhost", body, timeout_ms);
	else if (page == NULL && r->path[0] == '/')
		refuse(404, "", body, timeout_ms);
	else if (page == NULL || r->method == REQUEST_OTHER)
		refuse(405, "", body, timeout_ms);
	else
		return serve_page(page, r, timeout_ms);
	return 0;
}

int
http_serve_one(const struct http_page *pages, size_t n, int timeout_ms)
{
	char buf[REQUEST_HEAD_MAX];
	struct request r;
	ssize_t head = read_head(buf, timeout_ms);
	int status = head < 0 ? (int)-head : 0;

	if (head > 0)
		status = request_parse(buf, (size_t)head, &r);
	if (status != 0)
		refuse(status, "", true, timeout_ms);
	else if (head > 0)
		return serve(pages, n, &r, timeout_ms);
	return 0;
}
