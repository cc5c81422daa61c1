/* berthctl page: the status page, printed or served */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../pure/xalloc.h"
#include "ctl.h"
#include "http.h"
#include "pageview.h"

#define ASK_SECONDS 5		/* for berthd to answer; less than what http gives to make a page */
#define REFRESH_SECONDS 5
#define CLIENT_MS 10000

struct answers {
	json_t *status, *services, *connections;
};

/* ---- asking ---- */

static volatile sig_atomic_t asked_fd = -1, gave_up;

/* Whoever waits for berthd on this socket, reads its end. */
static void
give_up(int signo)
{
	int error = errno;

	(void)signo;
	gave_up = 1;
	if (asked_fd >= 0)
		(void)shutdown(asked_fd, SHUT_RDWR);
	errno = error;
}

/* The next answer; 0 or the exit status. */
static int
take_answer(struct client *c, json_t **answer)
{
	struct wire_reply r = { 0 };
	int status = client_receive(c, &r);

	if (status == 0 && r.error != NULL) {
		ctl_complain("%s: the daemon answers: %s", c->path, r.error);
		status = EX_UNAVAILABLE;
	} else if (status == 0) {
		*answer = json_incref(r.parameters);
	}
	wire_reply_fini(&r);
	return status;
}

static int
send_buckets(struct client *c)
{
	json_t *parameters = json_pack("{s:b}", "buckets", 1);
	int status = client_send(c, "io.berth.Control.List", parameters, false);

	json_decref(parameters);
	return status;
}

/* All questions are there when the first is answered: what is told, is of one moment as far as that goes. */
static int
ask(struct client *c, struct answers *a)
{
	int status = client_send(c, "io.berth.Control.Status", NULL, false);

	if (status == 0)
		status = send_buckets(c);
	if (status == 0)
		status = client_send(c, "io.berth.Control.Connections", NULL, false);
	if (status == 0)
		status = take_answer(c, &a->status);
	if (status == 0)
		status = take_answer(c, &a->services);
	if (status == 0)
		status = take_answer(c, &a->connections);
	return status;
}

static int
ask_in_time(const char *path, struct answers *a)
{
	struct sigaction on_alarm = { .sa_handler = give_up };
	struct client c;
	int status;

	(void)sigaction(SIGALRM, &on_alarm, NULL);
	(void)alarm(ASK_SECONDS);
	status = client_open(&c, path);
	if (status == 0) {
		asked_fd = c.fd;
		status = ask(&c, a);
		asked_fd = -1;
		client_close(&c);
	}
	(void)alarm(0);
	if (status != 0 && gave_up)
		ctl_complain("there was no answer within %d seconds", ASK_SECONDS);
	return status;
}

/* ---- the page ---- */

static const char *
trouble(int status)
{
	if (status == 0)
		return NULL;
	return status == EX_NOPERM ?
	    "This page is not allowed to ask berthd: it has to be in the control group. The log of its service says more." :
	    "berthd does not answer. The log of this page's service says more.";
}

static void
release(struct answers *a)
{
	json_decref(a->status);
	json_decref(a->services);
	json_decref(a->connections);
}

/* The page as of now, which is the caller's to free; *status: 0, or why it only says that there is none. */
static char *
page_text(const char *path, unsigned refresh, int *status)
{
	struct answers a = { 0 };
	char host[256] = "", *text;
	struct pageview v = { .host = host, .refresh = refresh };

	(void)gethostname(host, sizeof(host) - 1);
	*status = ask_in_time(path, &a);
	v.trouble = trouble(*status);
	v.status = a.status;
	v.services = json_object_get(a.services, "services");
	v.connections = json_object_get(a.connections, "connections");
	text = pageview_render(&v);
	release(&a);
	return text;
}

struct served {
	const char *control;
	char *headers;		/* owned */
};

static int
make(void *arg, const struct request *r, struct http_answer *a)
{
	struct served *s = arg;
	int status;

	(void)r;
	a->body = page_text(s->control, REFRESH_SECONDS, &status);
	a->len = strlen(a->body);
	a->type = "text/html; charset=utf-8";
	a->headers = s->headers;
	return status;
}

static int
serve(const char *control)
{
	struct served s = { .control = control };
	struct http_page page = { "/", make, &s };
	char *policy = pageview_policy(REFRESH_SECONDS);
	int n, status;

	n = asprintf(&s.headers, "Content-Security-Policy: %s\r\nReferrer-Policy: no-referrer\r\n"
	    "Cross-Origin-Resource-Policy: same-origin\r\n", policy);
	assert(n >= 0);
	free(policy);
	status = http_serve_one(&page, 1, CLIENT_MS);
	free(s.headers);
	return status;
}

static int
print_page(const char *control)
{
	int status;
	char *text = page_text(control, 0, &status);

	(void)fputs(text, stdout);
	free(text);
	return status;
}

/* What the page is made from. */
static int
print_answers(const char *control)
{
	struct answers a = { 0 };
	int status = ask_in_time(control, &a);
	json_t *all = json_object();

	if (status == 0) {
		json_object_update(all, a.status);
		json_object_update(all, a.services);
		json_object_update(all, a.connections);
		ctl_print_json(all);
	}
	json_decref(all);
	release(&a);
	return status;
}

int
ctl_page(struct ctl *c, int argc, char **argv)
{
	bool http = false;

	while (ctl_option(c, argc, argv) != -1)
		http = true;
	ctl_count(c, argc, argv, 0, 0);
	if (http && c->json)
		ctl_usage(c, "--http, --json: one of them");
	if (http)
		return serve(c->control);
	return c->json ? print_answers(c->control) : print_page(c->control);
}
