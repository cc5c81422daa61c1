/* berthctl top: a screen that shows what happens now */
#include <sys/signalfd.h>

#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/scalar.h"
#include "../pure/xalloc.h"
#include "../sys/loop.h"
#include "top.h"

#define INTERVAL_MIN	(100 * TOP_MS)
#define INTERVAL_MAX	(3600 * TOP_SECOND)
#define LATE_SECONDS	2			/* an answer that is waited for longer is talked about */
#define RETRY		TOP_SECOND		/* at most, while berthd is away */
#define MESSAGE_TIME	(5 * TOP_SECOND)

static void
top_init(struct top *t, const struct ctl *c, int64_t interval_ns, const char *service)
{
	*t = (struct top){ .interval_ns = interval_ns, .signals = -1, .stale = true };
	toplink_init(&t->link, c->control, &t->model);
	for (enum top_view v = 0; v < TOP_VIEWS; v++)
		topmodel_begin(&t->choice[v], v);
	if (service == NULL)
		return;
	t->view = TOP_CONNECTIONS;
	t->service = xstrdup(service);
	t->choice[t->view].service = t->service;
}

static void
top_fini(struct top *t)
{
	for (enum top_view v = 0; v < TOP_VIEWS; v++)
		free(t->place[v].key);
	topmodel_table_free(&t->table);
	toplink_fini(&t->link);
	topmodel_fini(&t->model);
	free(t->service);
	if (t->signals >= 0)
		(void)close(t->signals);
}

void
top_say(struct top *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->message, sizeof(t->message), fmt, ap);
	va_end(ap);
	t->message_ns = loop_clock();
}

/* The selected row stays the same one; where it is gone, the one that took its place is selected. */
void
top_work_out(struct top *t)
{
	struct place *p = &t->place[t->view];
	size_t row;

	if (!t->stale)
		return;
	t->stale = false;
	topmodel_table_free(&t->table);
	topmodel_table(&t->model, &t->choice[t->view], &t->table);
	row = p->key == NULL ? 0 : topmodel_find(&t->table, p->key);
	if (row < t->table.count)
		p->row = row;
	else if (p->row >= t->table.count)
		p->row = t->table.count > 0 ? t->table.count - 1 : 0;
}

/* ---- signals ---- */

static void
signals_open(struct top *t, sigset_t *old)
{
	static const int taken[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		(void)sigaddset(&set, taken[i]);
	(void)sigprocmask(SIG_BLOCK, &set, old);
	t->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	assert(t->signals >= 0);
}

/* With this signal's default action, as if it had never been taken. */
static void
raise_by_default(int number)
{
	struct sigaction action = { .sa_handler = SIG_DFL }, old;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)sigaction(number, &action, &old);
	(void)raise(number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);	/* here it happens */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigaction(number, &old, NULL);
}

static void
take_signals(struct top *t)
{
	struct signalfd_siginfo info;

	while (read(t->signals, &info, sizeof(info)) == sizeof(info)) {
		switch ((int)info.ssi_signo) {
		case SIGTSTP:
			topscreen_leave();
			raise_by_default(SIGTSTP);
			topscreen_renew();
			break;
		case SIGCONT:
			topscreen_renew();
			break;
		case SIGWINCH:
			topscreen_resize();
			break;
		default:
			t->ended_by = (int)info.ssi_signo;
			t->quit = true;
		}
	}
}

/* ---- the screen ---- */

/* What is wrong with berthd; NULL: nothing. */
static const char *
problem(const struct top *t, char *buf, size_t size)
{
	const struct toplink *l = &t->link;
	int64_t waited = (loop_clock() - l->asked_ns) / TOP_SECOND;
	int64_t old = (loop_clock() - l->answered_ns) / TOP_SECOND;
	const char *why = l->why.text;

	if (why[0] == '\0' && (l->count == 0 || waited < LATE_SECONDS))
		return NULL;
	if (why[0] == '\0')
		(void)snprintf(buf, size, "BERTHD DOES NOT ANSWER for %llds", (long long)waited);
	else if (l->failed == EX_NOPERM)
		(void)snprintf(buf, size, "%s", why);
	else if (l->answered_ns == 0)
		(void)snprintf(buf, size, "BERTHD IS AWAY: %s", why);
	else
		(void)snprintf(buf, size, "BERTHD IS AWAY, this was %llds ago: %s", (long long)old, why);
	return buf;
}

static const char *
message(struct top *t, char *buf, size_t size)
{
	if (t->mode == TOP_MODE_FILTER) {
		(void)snprintf(buf, size, "filter: %s_", t->choice[t->view].filter);
		return buf;
	}
	if (t->link.said.text[0] != '\0' && t->mode != TOP_MODE_KILL) {
		top_say(t, "%s", t->link.said.text);
		t->link.said.text[0] = '\0';
	}
	if (t->mode != TOP_MODE_KILL && loop_clock() - t->message_ns > MESSAGE_TIME)
		t->message[0] = '\0';
	return t->message[0] != '\0' ? t->message : NULL;
}

static void
draw(struct top *t)
{
	char trouble[2 * DIAG_MAX], said[DIAG_MAX], pace[SCALAR_DURATION_MAX + 8] = "every ";
	struct place *p = &t->place[t->view];

	(void)scalar_format_duration(t->interval_ns, pace + strlen(pace), sizeof(pace) - strlen(pace));
	top_work_out(t);
	p->first = toplayout_first(p->first, p->row, t->table.count, topscreen_rows());
	topscreen_draw(&(struct topscreen){ .model = &t->model, .choice = &t->choice[t->view],
		.table = &t->table, .selected = p->row, .first = p->first,
		.problem = problem(t, trouble, sizeof(trouble)), .pace = t->paused ? "PAUSED" : pace,
		.message = message(t, said, sizeof(said)),
		.question = t->mode == TOP_MODE_KILL || t->mode == TOP_MODE_FILTER,
		.help = t->mode == TOP_MODE_HELP, .help_first = t->help_first });
}

/* Until there is something to ask or to draw, in milliseconds. */
static int
patience(const struct top *t)
{
	int64_t left = t->paused ? TOP_SECOND : t->next_ns - loop_clock();

	if (left > TOP_SECOND)
		left = TOP_SECOND;
	return left <= 0 ? 0 : (int)(left / TOP_MS) + 1;
}

static void
turn_of_loop(struct top *t)
{
	struct pollfd p[] = { { STDIN_FILENO, POLLIN, 0 }, { t->signals, POLLIN, 0 },
		{ t->link.client.fd, client_events(&t->link.client), 0 } };
	int key;

	draw(t);
	(void)poll(p, sizeof(p) / sizeof(p[0]), patience(t));
	take_signals(t);
	if (p[2].revents != 0)
		t->stale |= toplink_step(&t->link, loop_clock());
	while (!t->quit && p[0].revents != 0 && (key = topscreen_key()) != TOPSCREEN_NONE) {
		top_take_key(t, key);
		top_work_out(t);
	}
	if ((p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		t->quit = true;		/* nobody can see it any more */
	if (!t->paused && loop_clock() >= t->next_ns) {
		t->next_ns = loop_clock() + t->interval_ns;
		toplink_ask(&t->link, t->view, t->service, loop_clock());
	}
	if (t->link.client.fd < 0 && t->next_ns > loop_clock() + RETRY)
		t->next_ns = loop_clock() + RETRY;
}

static int
run_screen(struct top *t)
{
	sigset_t old;

	signals_open(t, &old);
	if (!topscreen_open()) {
		ctl_complain("top: TERM is no terminal that is known here; use --once");
		return EX_USAGE;
	}
	while (!t->quit)
		turn_of_loop(t);
	topscreen_close();
	if (t->ended_by != 0)
		raise_by_default(t->ended_by);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return 0;
}

int
ctl_top(struct ctl *c, int argc, char **argv)
{
	int64_t interval_ns = 2 * TOP_SECOND;
	bool once = false;
	struct diag why;
	struct top t;
	int o, status;

	while ((o = ctl_option(c, argc, argv)) != -1) {
		once |= o == CTL_OPTION_ONCE;
		if (o == 'd' && !scalar_duration(optarg, &interval_ns, &why))
			ctl_usage(c, "--interval: %s", why.text);
	}
	ctl_count(c, argc, argv, 0, 1);
	if (interval_ns < INTERVAL_MIN || interval_ns > INTERVAL_MAX)
		ctl_usage(c, "--interval: from 100ms to 1h");
	once |= c->json;
	if (!once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		ctl_usage(c, "stdin and stdout are no terminal: use --once, or --json for programs");
	(void)setlocale(LC_CTYPE, "");
	top_init(&t, c, interval_ns, argv[optind]);
	status = once ? top_once(&t, c->json) : run_screen(&t);
	top_fini(&t);
	return status;
}
