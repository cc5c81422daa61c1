/* berthctl page: the status page, printed or served */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/text.h"
#include "ctl.h"
#include "http.h"
#include "inquiry.h"
#include "pageview.h"

#define REFRESH_SECONDS 5
#define CLIENT_MS 10000

/* ---- asking ---- */

struct look {
	struct inquiry q;
	json_t *problems;	/* owned; see pure/advice.h */
	char health[ADVICE_HEALTH_MAX];
};

/* What there is to be said where nobody answers, as `berthctl status` has it. */
static void
look_outside(struct look *l)
{
	struct inquiry_outside o;

	inquiry_outside(&l->q, &o);
	l->problems = advice_unanswered(&o.silence);
	(void)strlcpy(l->health, o.health, sizeof(l->health));
	inquiry_outside_fini(&o);
}

/* status: of the inquiry, as is why. */
static void
say_why(struct look *l, int status, const struct diag *why)
{
	bool forbidden = status == EX_NOPERM;

	l->problems = json_pack("[{s:s,s:n,s:s,s:[],s:[]}]", "grade", "error", "service", "problem", why->text,
	    "details", "todo");
	if (forbidden)
		(void)json_array_append_new(json_object_get(json_array_get(l->problems, 0), "todo"),
		    json_string("give the service of this page the group that control.group in berth.json names: "
		    "group in its file"));
	(void)strlcpy(l->health, forbidden ? "not allowed" : "no answer", sizeof(l->health));
}

/* 0, or the exit status for what has been complained of. */
static int
look(struct look *l, const char *control)
{
	struct advice_facts facts;
	struct diag why;
	int status = inquiry_make(&l->q, control, INQUIRY_ALL, &why);

	if (status == 0) {
		facts = inquiry_facts(&l->q);
		l->problems = advice_make(&facts);
		(void)advice_health(l->problems, l->health, sizeof(l->health));
		return 0;
	}
	ctl_complain("%s", why.text);
	if (inquiry_unanswered(&l->q, status))
		look_outside(l);
	else
		say_why(l, status, &why);
	return status;
}

static void
look_fini(struct look *l)
{
	json_decref(l->problems);
	inquiry_fini(&l->q);
}

/* ---- the page ---- */

/* The page as of now, which is the caller's to free; *status: 0, or why it only says that there is none. */
static char *
page_text(const char *path, unsigned refresh, int *status)
{
	char host[256] = "", *text;
	struct look l;

	(void)gethostname(host, sizeof(host) - 1);
	*status = look(&l, path);
	text = pageview_render(&(struct pageview){ .host = host, .health = l.health, .problems = l.problems,
	    .status = *status == 0 ? l.q.status : NULL, .services = l.q.services,
	    .connections = l.q.connections, .refresh = refresh });
	look_fini(&l);
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
	int status;

	s.headers = text_make("Content-Security-Policy: %s\r\nReferrer-Policy: no-referrer\r\n"
	    "Cross-Origin-Resource-Policy: same-origin\r\n", policy);
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
	struct look l;
	int status = look(&l, control);
	json_t *all;

	if (status == 0) {
		all = json_pack("{s:O,s:O,s:O}", "services", l.q.services, "connections", l.q.connections,
		    "problems", l.problems);
		(void)json_object_update(all, l.q.status);
		ctl_print_json(all);
		json_decref(all);
	}
	look_fini(&l);
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
