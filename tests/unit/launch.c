#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/pure/launch.h"
#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LIST(...) ((char *[]){ __VA_ARGS__, NULL })

static struct addr
address(const char *text)
{
	struct endpoint_key k = { 0 };
	struct endpoint e;

	if (endpoint_parse(text, &e, NULL))
		endpoint_expand(&e, 0, "", &k);
	return k.addr;
}

static const struct addr unnamed = { .len = sizeof(sa_family_t), .u.sa.sa_family = AF_UNIX };

/* A daemon that was started as systemd starts it, and that has not raised its own limit. */
static struct launch_daemon
plain_daemon(void)
{
	return (struct launch_daemon){ .root = true, .umask = 022,
		.nofile = { .rlim_cur = 1024, .rlim_max = 4096 } };
}

/* /bin/cat as nobody, everything else as spec_parse() leaves it. */
static struct service
plain_service(void)
{
	static char *exec[] = { "/bin/cat", "-u", NULL };
	struct service s = { .name = "echo", .exec = exec, .enabled = true };

	s.process.umask = 022;
	s.process.working_directory = "/";
	s.identity = (struct spec_identity){ .uid = 65534, .gid = 65534, .user = "nobody",
		.home = "/nonexistent", .shell = "/usr/sbin/nologin" };
	return s;
}

/* Entries, one a line. */
static void
join(char *const *list, char *out, size_t size)
{
	out[0] = '\0';
	for (; *list != NULL; list++) {
		strlcat(out, *list, size);
		strlcat(out, "\n", size);
	}
}

static void
build_environment(const struct launch_daemon *d, const struct service *s,
    const struct launch_connection *c, char *out, size_t size)
{
	struct launch l = { 0 };

	launch_build(&l, d, s, c);
	join(l.env, out, size);
	launch_fini(&l);
}

#define NOBODY "PATH=/usr/local/bin:/usr/bin:/bin\nUSER=nobody\nLOGNAME=nobody\n" \
	"HOME=/nonexistent\nSHELL=/usr/sbin/nologin\n"

/* The whole environment of a handler, in every kind of connection. */
static void
test_connections(void)
{
	const struct {
		const char *label;
		struct addr local, peer;
		struct launch_connection input;
		const char *want;
	} rows[] = {
		{ "tcp over IPv4", address("tcp:192.0.2.1:79"), address("tcp:192.0.2.7:4711"),
		    { .number = 17, .active = 3, .limit = 100 },
		    NOBODY "PROTO=TCP\nTCPLOCALIP=192.0.2.1\nTCPLOCALPORT=79\nTCPREMOTEIP=192.0.2.7\n"
		    "REMOTE_ADDR=192.0.2.7\nREMOTE_HOST=192.0.2.7\nTCPREMOTEPORT=4711\n"
		    "REMOTE_PORT=4711\nBERTH_SERVICE=echo\nBERTH_CONNECTION=17\nBERTH_ACTIVE=3\n"
		    "BERTH_LIMIT=100\n" },
		{ "tcp over IPv6: addresses without brackets", address("tcp:[2001:db8::1]:65535"),
		    address("tcp:[2001:db8::2]:1"), { .number = UINT64_MAX, .active = UINT32_MAX,
		    .limit = UINT32_MAX },
		    NOBODY "PROTO=TCP\nTCPLOCALIP=2001:db8::1\nTCPLOCALPORT=65535\n"
		    "TCPREMOTEIP=2001:db8::2\nREMOTE_ADDR=2001:db8::2\nREMOTE_HOST=2001:db8::2\n"
		    "TCPREMOTEPORT=1\nREMOTE_PORT=1\nBERTH_SERVICE=echo\n"
		    "BERTH_CONNECTION=18446744073709551615\nBERTH_ACTIVE=4294967295\n"
		    "BERTH_LIMIT=4294967295\n" },
		{ "unix: the kernel's word on the peer", address("unix:/run/x.sock"), unnamed,
		    { .number = 1, .active = 1, .peer_uid = 1000, .peer_gid = 100, .peer_pid = 4242 },
		    NOBODY "PROTO=UNIX\nUNIXLOCALPATH=/run/x.sock\nUNIXREMOTEEUID=1000\n"
		    "UNIXREMOTEEGID=100\nUNIXREMOTEPID=4242\nBERTH_SERVICE=echo\nBERTH_CONNECTION=1\n"
		    "BERTH_ACTIVE=1\nBERTH_LIMIT=0\n" },
		{ "unix: root is uid 0, not nobody known", address("unix:@abs"), unnamed,
		    { .number = 1, .active = 1, .peer_pid = 1 },
		    NOBODY "PROTO=UNIX\nUNIXLOCALPATH=@abs\nUNIXREMOTEEUID=0\nUNIXREMOTEEGID=0\n"
		    "UNIXREMOTEPID=1\nBERTH_SERVICE=echo\nBERTH_CONNECTION=1\nBERTH_ACTIVE=1\n"
		    "BERTH_LIMIT=0\n" },
		{ "unix: without credentials nothing is said of them", address("unix:@abs"), unnamed,
		    { .number = 1, .active = 1, .peer_uid = (uid_t)-1, .peer_gid = (gid_t)-1 },
		    NOBODY "PROTO=UNIX\nUNIXLOCALPATH=@abs\nBERTH_SERVICE=echo\nBERTH_CONNECTION=1\n"
		    "BERTH_ACTIVE=1\nBERTH_LIMIT=0\n" },
		{ "unix: a peer with a path has an address", address("unix:/run/x"),
		    address("unix:/tmp/client"), { .number = 1, .active = 1 },
		    NOBODY "PROTO=UNIX\nUNIXLOCALPATH=/run/x\nREMOTE_ADDR=/tmp/client\n"
		    "BERTH_SERVICE=echo\nBERTH_CONNECTION=1\nBERTH_ACTIVE=1\nBERTH_LIMIT=0\n" },
		{ "unix: an abstract one too", address("unix:/run/x"), address("unix:@client"),
		    { .number = 1, .active = 1 },
		    NOBODY "PROTO=UNIX\nUNIXLOCALPATH=/run/x\nREMOTE_ADDR=@client\n"
		    "BERTH_SERVICE=echo\nBERTH_CONNECTION=1\nBERTH_ACTIVE=1\nBERTH_LIMIT=0\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct launch_daemon d = plain_daemon();
		struct service s = plain_service();
		struct launch_connection c = rows[i].input;
		char got[4096];

		d.environment = LIST("HOME=/root", "NOTIFY_SOCKET=/run/systemd/notify", "LD_PRELOAD=x");
		c.local = &rows[i].local;
		c.peer = &rows[i].peer;
		build_environment(&d, &s, &c, got, sizeof(got));
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0, "got\n%swant\n%s", got,
		    rows[i].want);
	}
}

#define TAIL "PROTO=UNIX\nUNIXLOCALPATH=/x\nBERTH_SERVICE=echo\nBERTH_CONNECTION=1\n" \
	"BERTH_ACTIVE=1\nBERTH_LIMIT=0\n"

/* What `process` says about the part that is not berth's. */
static void
test_overrides(void)
{
	static char *const daemon_environment[] = { "TZ=Europe/Zurich", "HOME=/root", "PATH=/daemon",
		"LANG=", "TZ2=no", "EQUALS=a=b=c", "TWICE=first", "TWICE=second", NULL };
	const struct {
		const char *label;
		uid_t uid;
		char **environment, **pass;
		const char *want;
	} rows[] = {
		{ "root has the sbin directories in its PATH", 0, NULL, NULL,
		    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nUSER=nobody\n"
		    "LOGNAME=nobody\nHOME=/nonexistent\nSHELL=/usr/sbin/nologin\n" TAIL },
		{ "a variable of one's own", 1, LIST("A=1", "B="), NULL, NOBODY "A=1\nB=\n" TAIL },
		{ "it replaces a base one, which is then there once", 1, LIST("HOME=/srv", "PATH=/opt"),
		    NULL, "USER=nobody\nLOGNAME=nobody\nSHELL=/usr/sbin/nologin\nHOME=/srv\nPATH=/opt\n"
		    TAIL },
		{ "a longer name replaces nothing", 1, LIST("HOMEX=1", "PAT=2"), NULL,
		    NOBODY "HOMEX=1\nPAT=2\n" TAIL },
		{ "one of berthd's is passed", 1, NULL, LIST("TZ"), NOBODY "TZ=Europe/Zurich\n" TAIL },
		{ "an empty one too", 1, NULL, LIST("LANG"), NOBODY "LANG=\n" TAIL },
		{ "up to its first = is the name", 1, NULL, LIST("EQUALS"), NOBODY "EQUALS=a=b=c\n"
		    TAIL },
		{ "one that berthd has not is absent", 1, NULL, LIST("ABSENT", "T", "TZ="), NOBODY
		    TAIL },
		{ "the first of two, as getenv(3) has it", 1, NULL, LIST("TWICE"), NOBODY "TWICE=first\n"
		    TAIL },
		{ "a passed one replaces a base one", 1, NULL, LIST("HOME", "PATH"),
		    "USER=nobody\nLOGNAME=nobody\nSHELL=/usr/sbin/nologin\nHOME=/root\nPATH=/daemon\n"
		    TAIL },
		{ "environment wins over pass_environment", 1, LIST("TZ=UTC"), LIST("TZ"),
		    NOBODY "TZ=UTC\n" TAIL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct launch_daemon d = plain_daemon();
		struct service s = plain_service();
		struct addr local = address("unix:/x");
		struct launch_connection c = { .number = 1, .active = 1, .local = &local,
			.peer = &unnamed };
		char got[4096];

		d.environment = daemon_environment;
		s.identity.uid = rows[i].uid;
		s.process.environment = rows[i].environment;
		s.process.pass_environment = rows[i].pass;
		build_environment(&d, &s, &c, got, sizeof(got));
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0, "got\n%swant\n%s", got,
		    rows[i].want);
	}
}

/* ---- steps that would change nothing are left out ---- */

struct step_input {
	struct launch_daemon d;
	struct service s;
};

/* The steps of a plan in words. */
static void
write_steps(const struct launch *l, char *out, size_t size)
{
	char word[96];

	out[0] = '\0';
	for (size_t i = 0; i < l->nrlimits; i++) {
		snprintf(word, sizeof(word), "rlimit %d=%jd:%jd ", l->rlimits[i].resource,
		    (intmax_t)l->rlimits[i].value.rlim_cur, (intmax_t)l->rlimits[i].value.rlim_max);
		strlcat(out, word, size);
	}
	if (l->set_nice) {
		snprintf(word, sizeof(word), "nice %d ", l->nice);
		strlcat(out, word, size);
	}
	if (l->set_oom) {
		snprintf(word, sizeof(word), "oom %d ", l->oom_score_adj);
		strlcat(out, word, size);
	}
	if (l->set_umask) {
		snprintf(word, sizeof(word), "umask %03o ", (unsigned)l->umask);
		strlcat(out, word, size);
	}
	if (l->set_ids) {
		snprintf(word, sizeof(word), "ids %u:%u+%zu ", l->uid, l->gid, l->ngroups);
		strlcat(out, word, size);
	}
	if (l->directory != NULL) {
		snprintf(word, sizeof(word), "cd %s ", l->directory);
		strlcat(out, word, size);
	}
	if (l->stderr_is_socket)
		strlcat(out, "stderr-socket ", size);
}

#define SET(name, field, value) \
	static void name(struct step_input *in) { in->field = (value); }
SET(set_user, d.root, false)
SET(set_nice, s.process.nice, 5)
SET(set_nice_down, s.process.nice, -5)
SET(set_umask, s.process.umask, 077)
SET(set_daemon_umask, d.umask, 0)
SET(set_directory, s.process.working_directory, "/srv")
SET(set_stderr, s.stderr_to, SPEC_STDERR_SOCKET)
SET(set_stderr_null, s.stderr_to, SPEC_STDERR_NULL)
SET(set_daemon_protected, d.oom_score_adj, -1000)
SET(set_daemon_exposed, d.oom_score_adj, 200)
SET(set_raised, d.nofile_raised, true)

static void
set_same_nice(struct step_input *in)
{
	in->d.nice = in->s.process.nice = 7;
}

static void
set_daemon_nice(struct step_input *in)
{
	in->d.nice = 7;
}

static void
set_user_nice(struct step_input *in)
{
	in->d.root = false;
	in->d.nice = 7;
}

static void
set_user_nicer(struct step_input *in)
{
	set_user_nice(in);
	in->s.process.nice = 9;
}

static void
set_oom(struct step_input *in)
{
	in->s.process.oom_score_adj_set = true;
	in->s.process.oom_score_adj = 500;
}

static void
set_same_oom(struct step_input *in)
{
	set_oom(in);
	in->d.oom_score_adj = 500;
}

static void
set_oom_zero(struct step_input *in)
{
	in->s.process.oom_score_adj_set = true;
	in->d.oom_score_adj = 200;
}

static void
set_protected(struct step_input *in)
{
	set_oom(in);
	in->s.process.oom_score_adj = in->d.oom_score_adj = -1000;
}

static void
set_rlimits(struct step_input *in)
{
	in->s.process.rlimits[RLIMIT_AS] = (struct spec_rlimit){ true, 1 << 20, 1 << 21 };
	in->s.process.rlimits[RLIMIT_CPU] = (struct spec_rlimit){ true, 2, RLIM_INFINITY };
	in->s.process.rlimits[RLIMIT_CORE] = (struct spec_rlimit){ true, 0, 0 };
}

static void
set_nofile(struct step_input *in)
{
	set_raised(in);
	in->s.process.rlimits[RLIMIT_NOFILE] = (struct spec_rlimit){ true, 16, 16 };
}

static void
set_groups(struct step_input *in)
{
	static gid_t groups[] = { 65534, 7, 8 };

	in->s.identity.groups = groups;
	in->s.identity.ngroups = 3;
}

static void
test_steps(void)
{
#define IDS "ids 65534:65534+0 "
	static const struct {
		const char *label;
		void (*set)(struct step_input *);
		const char *want;
	} rows[] = {
		{ "a plain service of root's needs its ids alone", NULL, IDS },
		{ "one of an ordinary user needs nothing", set_user, "" },
		{ "exactly the groups of its identity", set_groups, "ids 65534:65534+3 " },
		{ "niceness", set_nice, "nice 5 " IDS },
		{ "niceness below 0", set_nice_down, "nice -5 " IDS },
		{ "berthd's own niceness is no step", set_same_nice, IDS },
		{ "a nice berthd does not make nice handlers", set_daemon_nice, "nice 0 " IDS },
		{ "... but an ordinary user's cannot help it", set_user_nice, "" },
		{ "... and can make them nicer", set_user_nicer, "nice 9 " },
		{ "umask", set_umask, "umask 077 " IDS },
		{ "the default umask under a berthd that has another", set_daemon_umask,
		    "umask 022 " IDS },
		{ "a directory", set_directory, IDS "cd /srv " },
		{ "stderr on the socket", set_stderr, IDS "stderr-socket " },
		{ "stderr to nowhere is not the socket", set_stderr_null, IDS },
		{ "an oom score", set_oom, "oom 500 " IDS },
		{ "berthd's own oom score is no step", set_same_oom, IDS },
		{ "a score of 0 that was asked for", set_oom_zero, "oom 0 " IDS },
		{ "a protected berthd does not protect handlers", set_daemon_protected, "oom 0 " IDS },
		{ "but where it was asked for", set_protected, IDS },
		{ "a raised score is left as it is", set_daemon_exposed, IDS },
		{ "rlimits, by their numbers", set_rlimits,
		    "rlimit 0=2:-1 rlimit 4=0:0 rlimit 9=1048576:2097152 " IDS },
		{ "a limit that berthd raised for itself is put back", set_raised,
		    "rlimit 7=1024:4096 " IDS },
		{ "unless the service has its own", set_nofile, "rlimit 7=16:16 " IDS },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct step_input in = { plain_daemon(), plain_service() };
		struct addr local = address("unix:/x");
		struct launch_connection c = { .local = &local, .peer = &unnamed };
		struct launch l = { 0 };
		char got[256];

		if (rows[i].set != NULL)
			rows[i].set(&in);
		launch_build(&l, &in.d, &in.s, &c);
		write_steps(&l, got, sizeof(got));
		UNIT_CHECK(rows[i].label, strcmp(got, rows[i].want) == 0, "got '%s', want '%s'", got,
		    rows[i].want);
		launch_fini(&l);
	}
}

static void
test_argv(void)
{
	struct launch_daemon d = plain_daemon();
	struct service s = plain_service();
	struct addr local = address("unix:/x");
	struct launch_connection c = { .local = &local, .peer = &unnamed };
	struct launch l = { 0 };
	char got[128];

	launch_build(&l, &d, &s, &c);
	join(l.argv, got, sizeof(got));
	UNIT_CHECK("a program sees its path as its name", strcmp(l.path, "/bin/cat") == 0 &&
	    strcmp(got, "/bin/cat\n-u\n") == 0, "path %s argv %s", l.path, got);
	s.argv0 = "-cat";
	launch_build(&l, &d, &s, &c);
	join(l.argv, got, sizeof(got));
	UNIT_CHECK("or argv0, and its other arguments stay", strcmp(l.path, "/bin/cat") == 0 &&
	    strcmp(got, "-cat\n-u\n") == 0, "path %s argv %s", l.path, got);
	UNIT_CHECK("the service itself is not changed", strcmp(s.exec[0], "/bin/cat") == 0, "%s",
	    s.exec[0]);
	s.argv0 = NULL;
	launch_build(&l, &d, &s, &c);
	UNIT_CHECK("a plan used again forgets the argv0 before it", l.argv == s.exec, "%s",
	    l.argv[0]);
	launch_fini(&l);
	UNIT_CHECK("a plan that is done holds nothing", l.env == NULL && l.text == NULL &&
	    l.argv_own == NULL, "left");
	launch_fini(&l);
}

/* The text of an environment moves while it grows: what pointed into it must follow. */
static void
test_growth(void)
{
	static const size_t lengths[] = { 0, 1, 800, 860, 861, 862, 900, 1000, 5000, 100000 };
	struct launch_daemon d = plain_daemon();
	struct service s = plain_service();
	struct addr local = address("tcp:127.0.0.1:80"), peer = address("tcp:127.0.0.1:99");
	struct launch_connection c = { .number = 1, .active = 1, .local = &local, .peer = &peer };
	struct launch reused = { 0 };
	size_t size = 1 << 20;
	char *long_entry = malloc(100010), *got = malloc(size), *want = malloc(size);

	if (long_entry == NULL || got == NULL || want == NULL)
		abort();
	d.environment = LIST(long_entry);
	s.process.pass_environment = LIST("LONG");
	s.process.environment = LIST("MINE=1");
	for (size_t i = 0; i < COUNT(lengths); i++) {
		char label[64];

		memcpy(long_entry, "LONG=", 5);
		memset(long_entry + 5, 'x', lengths[i]);
		long_entry[5 + lengths[i]] = '\0';
		launch_build(&reused, &d, &s, &c);
		join(reused.env, got, size);
		snprintf(want, size, NOBODY "%s\nMINE=1\nPROTO=TCP\nTCPLOCALIP=127.0.0.1\n"
		    "TCPLOCALPORT=80\nTCPREMOTEIP=127.0.0.1\nREMOTE_ADDR=127.0.0.1\n"
		    "REMOTE_HOST=127.0.0.1\nTCPREMOTEPORT=99\nREMOTE_PORT=99\nBERTH_SERVICE=echo\n"
		    "BERTH_CONNECTION=1\nBERTH_ACTIVE=1\nBERTH_LIMIT=0\n", long_entry);
		snprintf(label, sizeof(label), "a value of %zu bytes", lengths[i]);
		UNIT_CHECK(label, strcmp(got, want) == 0, "got %.300s", got);
		build_environment(&d, &s, &c, got, size);
		snprintf(label, sizeof(label), "a value of %zu bytes in a new plan", lengths[i]);
		UNIT_CHECK(label, strcmp(got, want) == 0, "got %.300s", got);
	}
	launch_fini(&reused);
	free(long_entry);
	free(got);
	free(want);
}

/* A plan used again for a smaller environment has no rest of the larger one. */
static void
test_many_entries(void)
{
	enum { MANY = 300 };
	struct launch_daemon d = plain_daemon();
	struct service s = plain_service();
	struct addr local = address("unix:/x");
	struct launch_connection c = { .number = 1, .active = 1, .local = &local, .peer = &unnamed };
	char text[MANY][32], *names[MANY + 1], *entries[MANY + 1], name[MANY][32], got[1024];
	struct launch l = { 0 };
	size_t right = 0;

	for (int i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof(text[i]), "V%d=%d", i, i);
		snprintf(name[i], sizeof(name[i]), "V%d", i);
		entries[i] = text[i];
		names[i] = name[i];
	}
	entries[MANY] = names[MANY] = NULL;
	d.environment = entries;
	s.process.pass_environment = names;
	launch_build(&l, &d, &s, &c);
	for (int i = 0; i < MANY; i++)
		right += strcmp(l.env[5 + i], text[i]) == 0;
	UNIT_CHECK("300 variables are passed", right == MANY && l.env_count == 5 + MANY + 6 &&
	    l.env[l.env_count] == NULL, "%zu of %zu", right, l.env_count);
	s.process.pass_environment = NULL;
	launch_build(&l, &d, &s, &c);
	join(l.env, got, sizeof(got));
	UNIT_CHECK("and the next plan has none of them", strcmp(got, NOBODY TAIL) == 0, "got\n%s", got);
	launch_fini(&l);
}

int
main(void)
{
	test_connections();
	test_overrides();
	test_steps();
	test_argv();
	test_growth();
	test_many_entries();
	return unit_done();
}
