/*
 * berthd - accept, and give each connection a berth
 */
#include <linux/capability.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/identity.h"
#include "../sys/log.h"
#include "../sys/notify.h"
#include "../sys/paths.h"
#include "child.h"
#include "control.h"
#include "dispatch.h"
#include "reload.h"
#include "stop.h"

#ifndef BERTH_VERSION
#define BERTH_VERSION "unknown"
#endif

#define STRANGERS_NS 1000000000LL

static struct berthd {
	struct loop *loop;
	struct pool pool;
	struct reload *reload;
	struct control *control;
	struct reload_options opt;
	bool check_only;
	int signals;
	struct loop_source *signal_source;
	struct loop_timer strangers;
	struct launch_daemon daemon;
} d = { .signals = -1 };

/* ---- command line ---- */

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr,
	    "usage: berthd [-t] [-c FILE] [-s DIR]... [--control PATH]\n"
	    "              [--log-level error|warning|notice|info|debug] [--log-format text|json]\n"
	    "       berthd -V\n");
	exit(EX_USAGE);
}

/* Relative paths are meant from where berthd was started; it then works in "/". */
static char *
absolute(const char *path)
{
	char cwd[PATH_MAX], *out;

	if (path[0] == '/')
		out = strdup(path);
	else if (getcwd(cwd, sizeof(cwd)) == NULL || asprintf(&out, "%s/%s", cwd, path) < 0)
		out = NULL;
	if (out == NULL) {
		fprintf(stderr, "berthd: %s: %s\n", path, strerror(errno));
		exit(EX_OSERR);
	}
	return out;
}

static void
add_directory(const char *path)
{
	static char **dirs;
	static size_t n;

	dirs = reallocarray(dirs, n + 2, sizeof(*dirs));
	assert(dirs != NULL);
	dirs[n++] = absolute(path);
	dirs[n] = NULL;
	d.opt.services = dirs;
}

static void
parse_options(int argc, char **argv)
{
	enum { CONTROL = 256, LEVEL, FORMAT };
	static const struct option longs[] = { { "control", required_argument, NULL, CONTROL },
		{ "log-level", required_argument, NULL, LEVEL },
		{ "log-format", required_argument, NULL, FORMAT }, { NULL, 0, NULL, 0 } };
	int c;

	d.opt.log_level = d.opt.log_format = -1;
	while ((c = getopt_long(argc, argv, "c:s:tV", longs, NULL)) != -1)
		switch (c) {
		case 'c':
			d.opt.settings_file = absolute(optarg);
			break;
		case 's':
			add_directory(optarg);
			break;
		case 't':
			d.check_only = true;
			break;
		case 'V':
			printf("berthd %s\n", BERTH_VERSION);
			exit(0);
		case CONTROL:
			d.opt.control = absolute(optarg);
			break;
		case LEVEL:
			if ((d.opt.log_level = spec_log_level(optarg)) < 0)
				usage();
			break;
		case FORMAT:
			if (strcmp(optarg, "text") != 0 && strcmp(optarg, "json") != 0)
				usage();
			d.opt.log_format = optarg[0] == 't' ? SPEC_LOG_TEXT : SPEC_LOG_JSON;
			break;
		default:
			usage();
		}
	if (optind != argc)
		usage();
}

/* ---- what berthd is, and what handlers must not inherit ---- */

static int
read_oom_score_adj(void)
{
	char text[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atoi(text);
}

static void
raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	d.daemon.nofile = rl;
	if (rl.rlim_cur == rl.rlim_max)
		return;
	rl.rlim_cur = rl.rlim_max;
	d.daemon.nofile_raised = setrlimit(RLIMIT_NOFILE, &rl) == 0;
}

/* What would pass through execve to a handler of another user: inheritable and ambient capabilities. */
static void
drop_inheritable(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, data) < 0)
		return;
	data[0].inheritable = data[1].inheritable = 0;
	syscall(SYS_capset, &head, data);
}

static void
learn_self(void)
{
	extern char **environ;

	d.daemon.root = geteuid() == 0;
	d.daemon.uid = geteuid();
	d.daemon.gid = getegid();
	d.daemon.nice = getpriority(PRIO_PROCESS, 0);
	umask(d.daemon.umask = 022);
	d.daemon.oom_score_adj = read_oom_score_adj();
	d.daemon.environment = environ;
	raise_nofile();
	drop_inheritable();
}

/* ---- signals ---- */

static void
nothing(int sig)
{
	(void)sig;
}

/*
 * No signal is ignored.  By raw calls, because sigaction(3) passes over glibc's own two (32 and 33),
 * which posix_spawn(3), and with it make and newer systemd, leaves ignored.
 */
static void
signals_heed(void)
{
	struct { void (*handler)(int); uint64_t rest[3]; } now, dfl = { .handler = SIG_DFL };

	for (int sig = 1; sig <= 64; sig++)
		if (syscall(SYS_rt_sigaction, sig, NULL, &now, sizeof(uint64_t)) == 0 &&
		    now.handler == SIG_IGN)
			syscall(SYS_rt_sigaction, sig, &dfl, NULL, sizeof(uint64_t));
}

/*
 * Every disposition is the default, so that handlers inherit no ignored signal (an ignored SIGCHLD
 * would lose every exit status); everything but the fault signals is blocked and read from
 * a signalfd, or never looked at.  SIGHUP gets a handler that is never run: service managers look for one.
 */
static bool
signals_init(sigset_t *read_set)
{
	struct sigaction hup = { .sa_handler = nothing };
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t block;

	sigfillset(&block);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&block, faults[i]);
	if (sigprocmask(SIG_SETMASK, &block, NULL) < 0)
		return false;
	signals_heed();
	sigaction(SIGHUP, &hup, NULL);
	sigemptyset(read_set);
	sigaddset(read_set, SIGHUP);
	sigaddset(read_set, SIGTERM);
	sigaddset(read_set, SIGINT);
	if (getpid() == 1)
		sigaddset(read_set, SIGCHLD);
	return true;
}

static void
stop_asked(int sig)
{
	const struct settings *s = reload_settings(d.reload);
	struct record r;

	record_init(&r, RECORD_NOTICE, "stop");
	record_text(&r, "signal", sigabbrev_np(sig));
	log_record(&r);
	if (d.pool.draining) {
		stop_hurry(&d.pool);
		return;
	}
	notify_stopping("letting handlers end");
	reload_stop(d.reload);
	stop_begin(&d.pool, s->stop_grace_ns, s->stop_leave);
}

static void
strangers_due(void *arg)
{
	(void)arg;
	child_reap_strangers(&d.pool);
}

static void
signal_ready(void *arg, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)arg;
	(void)events;
	while (read(d.signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGHUP:
			reload_all(d.reload, NULL, NULL);
			break;
		case SIGCHLD:
			if (!loop_armed(&d.strangers))
				loop_arm(d.loop, &d.strangers, loop_now(d.loop) + STRANGERS_NS,
				    strangers_due, NULL);
			break;
		default:
			stop_asked((int)si.ssi_signo);
		}
	}
}

/* ---- the turn ---- */

static bool
turn(void *arg)
{
	bool more = dispatch_turn(arg);

	more = control_turn(d.control) || more;
	/* what an order has changed is decided by the next turn: that must not wait for something to happen */
	more = !TAILQ_EMPTY(&d.pool.touched) || more;
	if (stop_is_done(&d.pool))
		loop_stop(d.loop);
	pool_note_turn(&d.pool);
	log_flush();
	return more;
}

/* ---- start ---- */

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_message(RECORD_ERROR, "error", "%s", text);
	log_close();
	exit(status);
}

static struct settings *
read_settings(void)
{
	const char *path = d.opt.settings_file != NULL ? d.opt.settings_file : paths_settings();
	struct diag_list errs = { 0 };
	struct settings *s = reload_read_settings(path, d.opt.settings_file != NULL, &errs);

	for (size_t i = 0; i < errs.count; i++)
		log_message(RECORD_ERROR, "error", "%s", errs.text[i]);
	diag_list_free(&errs);
	if (s == NULL) {
		log_close();
		exit(EX_CONFIG);
	}
	return s;
}

static void __attribute__((noreturn))
check_and_exit(struct settings *s)
{
	char *const *dirs = d.opt.services != NULL ? d.opt.services
	    : s->services != NULL		   ? s->services
						   : paths_services();
	struct diag_list errs = { 0 };
	size_t good = reload_check(s, dirs, &errs);
	int ret;

	for (size_t i = 0; i < errs.count; i++)
		fprintf(stderr, "%s\n", errs.text[i]);
	if (errs.count == 0)
		printf("%zu services are good\n", good);
	ret = errs.count == 0 ? 0 : EX_CONFIG;
	diag_list_free(&errs);
	settings_free(s);
	exit(ret);
}

/* With suid_dumpable 1 a process of a service's user could trace a child before its execve. */
static void
warn_dumpable(void)
{
	char c = '0';
	int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, &c, 1) == 1 && c == '1' && d.daemon.root)
		log_message(RECORD_WARNING, "warning",
		    "fs.suid_dumpable is 1: users of handlers could trace berthd's children; "
		    "set it to 0 or 2");
	close(fd);
}

/* control.group: until its number is known the socket is berthd's own. */
static struct lookup_table control_group;

static void
set_control_group(gid_t gid)
{
	struct diag why;

	if (!control_set_group(d.control, gid, &why))
		log_message(RECORD_ERROR, "error", "control.group: %s", why.text);
	if (!statsfile_set_group(d.pool.statsfile, gid))
		log_message(RECORD_ERROR, "error", "control.group: %s: %s",
		    statsfile_path(d.pool.statsfile), strerror(errno));
	reload_start(d.reload);
}

static void
control_group_known(void *arg)
{
	const struct lookup *e = &control_group.entry[0];

	(void)arg;
	if (e->state == LOOKUP_FOUND) {
		set_control_group(e->gid);
	} else {
		log_message(RECORD_ERROR, "error", "control.group: \"%s\": %s", e->name,
		    e->state == LOOKUP_ABSENT ? "there is no such group" : e->error);
		reload_start(d.reload);
	}
	lookup_free(&control_group);
}

/* Then the first run: who sees us ready may connect. */
static void
open_control_to_group(const struct settings *s)
{
	if (!s->control_group.set) {
		reload_start(d.reload);
		return;
	}
	if (s->control_group.numeric) {
		set_control_group(s->control_group.id);
		return;
	}
	lookup_ask_name(&control_group, LOOKUP_GROUP, s->control_group.name);
	if (identity_start(d.loop, &control_group, control_group_known, NULL) != NULL)
		return;
	log_message(RECORD_ERROR, "error", "control.group: %s", strerror(errno));
	reload_start(d.reload);
}

static void
open_control(const struct settings *s)
{
	const char *path = d.opt.control != NULL ? d.opt.control
	    : s->control_socket != NULL		 ? s->control_socket
						 : paths_control();
	struct diag why;

	if (path == NULL)
		die(EX_OSERR, "control socket: XDG_RUNTIME_DIR is not set: give --control PATH");
	d.control = control_new(&d.pool, path, &why);
	if (d.control == NULL)
		die(EX_OSERR, "control socket: %s", why.text);
	pool_open_statistics(&d.pool, paths_statistics(path));
}

static void
first_run(void *arg, json_t *report)
{
	size_t services = 0, endpoints = 0;
	const struct pool_service *ps;
	const struct listener *l;
	struct record r;

	(void)arg;
	(void)report;
	TAILQ_FOREACH(ps, &d.pool.services, next) {
		services++;
		TAILQ_FOREACH(l, &ps->listeners, next)
			endpoints += l->sock.fd >= 0;
	}
	record_init(&r, RECORD_NOTICE, "ready");
	record_number(&r, "services", (int64_t)services);
	record_number(&r, "endpoints", (int64_t)endpoints);
	log_record(&r);
	pool_sweep_statistics(&d.pool);
	/* what the start needed and running does not */
	malloc_trim(0);
}

static void
start(struct settings *s)
{
	struct spawner *spawner;
	sigset_t set;

	if (!signals_init(&set) || chdir("/") < 0)
		die(EX_OSERR, "start: %s", strerror(errno));
	if ((d.loop = loop_new()) == NULL || (spawner = spawn_new()) == NULL)
		die(EX_OSERR, "start: %s", strerror(errno));
	d.signals = fd_high(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
	if (d.signals < 0 ||
	    (d.signal_source = loop_add(d.loop, d.signals, EPOLLIN, signal_ready, NULL)) == NULL)
		die(EX_OSERR, "signalfd: %s", strerror(errno));
	log_open(d.loop, s->log_target,
	    d.opt.log_format >= 0 ? (enum spec_log_format)d.opt.log_format : s->log_format,
	    d.opt.log_level >= 0 ? d.opt.log_level : s->log_level);
	warn_dumpable();
	if (!spawn_shares_table(spawner))
		log_message(RECORD_WARNING, "warning",
		    "close_range is refused here: handlers start slower with many open files");
	pool_init(&d.pool, d.loop, spawner, &d.daemon);
	pool_set_limits(&d.pool, s->limits_connections, s->limits_load);
	open_control(s);
	notify_init(d.loop);
	d.reload = reload_new(&d.pool, &d.opt, s, first_run, NULL);
	control_set_reload(d.control, d.reload);
	open_control_to_group(s);
	loop_set_turn(d.loop, turn, &d.pool);
}

static void
finish(void)
{
	struct spawner *spawner = d.pool.spawner;
	struct record r;

	control_free(d.control);
	stop_fini(&d.pool);
	pool_fini(&d.pool);
	reload_free(d.reload);
	notify_fini();
	record_init(&r, RECORD_NOTICE, "stopped");
	log_record(&r);
	log_close();
	loop_disarm(&d.strangers);
	loop_remove(d.signal_source);
	fd_close(&d.signals);
	spawn_free(spawner);
	loop_free(d.loop);
}

int
main(int argc, char **argv)
{
	struct settings *s;
	int ret;

	if (fd_init() < 0) {
		perror("berthd: /dev/null");
		return EX_OSERR;
	}
	parse_options(argc, argv);
	learn_self();
	log_open(NULL, SPEC_LOG_STDERR,
	    d.opt.log_format >= 0 ? (enum spec_log_format)d.opt.log_format : SPEC_LOG_TEXT,
	    d.opt.log_level >= 0 ? d.opt.log_level : RECORD_INFO);
	s = read_settings();
	if (d.check_only)
		check_and_exit(s);
	start(s);
	ret = loop_run(d.loop);
	if (ret < 0)
		log_message(RECORD_ERROR, "error", "epoll_wait: %s", strerror(errno));
	finish();
	return ret < 0 ? EX_OSERR : 0;
}
