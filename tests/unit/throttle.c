#include <arpa/inet.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "../../src/pure/throttle.h"
#include "unit.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)

/* Not worth a parser: a peer is one of these, and its source is cut as by default */
enum peer { A, A_OTHER_PORT, B, C, D, SIX_A, SIX_A_64, SIX_B, UNIX_1, UNIX_2, PEERS };

static struct source
source_from(enum peer p)
{
	static const struct {
		int family;
		const char *host;
		uint16_t port;
		uid_t uid;
	} peers[PEERS] = {
		[A] = { AF_INET, "192.0.2.1", 1000, 0 },
		[A_OTHER_PORT] = { AF_INET, "192.0.2.1", 1001, 0 },
		[B] = { AF_INET, "192.0.2.2", 1000, 0 },
		[C] = { AF_INET, "192.0.2.3", 1000, 0 },
		[D] = { AF_INET, "192.0.2.4", 1000, 0 },
		[SIX_A] = { AF_INET6, "2001:db8::1", 1000, 0 },
		[SIX_A_64] = { AF_INET6, "2001:db8::ffff:1", 1000, 0 },
		[SIX_B] = { AF_INET6, "2001:db8:0:1::1", 1000, 0 },
		[UNIX_1] = { AF_UNIX, "", 0, 1 },
		[UNIX_2] = { AF_UNIX, "", 0, 2 },
	};
	struct addr a = { .len = sizeof(a.u.un.sun_family) };

	a.u.sa.sa_family = (sa_family_t)peers[p].family;
	if (a.u.sa.sa_family == AF_INET) {
		a.len = sizeof(a.u.in);
		inet_pton(AF_INET, peers[p].host, &a.u.in.sin_addr);
	} else if (a.u.sa.sa_family == AF_INET6) {
		a.len = sizeof(a.u.in6);
		inet_pton(AF_INET6, peers[p].host, &a.u.in6.sin6_addr);
	}
	addr_set_port(&a, peers[p].port);
	return source_of(&a, peers[p].uid, 32, 64);
}

/* What happens in a step of a story; NEW begins the next story with a healthy service. */
enum event { NEW, NOT_STARTED, EXIT, SIGNAL, LIVED, PAUSE_OVER, ADMITTED, RESET };

struct step {
	const char *label;
	enum event event;
	int status;
	int64_t lived;
	enum peer peer;
	int64_t now;
	int64_t want_pause;	/* of an end */
	bool want_recovered;	/* of an end, LIVED, RESET */
	bool want_holds;	/* after it */
};

static void
take_step(struct throttle *t, const struct step *s)
{
	enum throttle_end end = s->event == NOT_STARTED ? THROTTLE_NOT_STARTED :
	    s->event == EXIT ? THROTTLE_EXITED : THROTTLE_SIGNALLED;
	struct source from = source_from(s->peer);
	bool recovered = false;
	int64_t pause = 0;

	switch (s->event) {
	case NEW:
		*t = (struct throttle){ 0 };
		break;
	case NOT_STARTED:
	case EXIT:
	case SIGNAL:
		recovered = true;	/* must be written in any case */
		pause = throttle_ended(t, end, s->status, s->lived, &from, s->now, &recovered);
		break;
	case LIVED:
		recovered = throttle_lived(t);
		break;
	case PAUSE_OVER:
		throttle_try(t);
		break;
	case ADMITTED:
		throttle_admitted(t);
		break;
	case RESET:
		recovered = throttle_reset(t);
		break;
	}
	UNIT_CHECK(s->label, pause == s->want_pause && recovered == s->want_recovered &&
	    throttle_holds(t) == s->want_holds,
	    "got pause %" PRId64 " recovered %d holds %d, want %" PRId64 " %d %d", pause, recovered,
	    throttle_holds(t), s->want_pause, s->want_recovered, s->want_holds);
	if (pause != 0)
		UNIT_CHECK("  the pause ends that long after the fault",
		    t->until_ns == s->now + pause, "until %" PRId64, t->until_ns);
}

static const struct step steps[] = {
	/* label, event, status, lived, peer, now, pause, recovered, holds */
	{ "a healthy service is served", NEW, 0, 0, A, 0, 0, false, false },
	{ "one that could not be started: a second", NOT_STARTED, 0, 0, A, 5 * S, 1 * S, false, true },

	{ "(exit 126)", NEW, 0, 0, A, 0, 0, false, false },
	{ "status 126 is a fault", EXIT, 126, 0, A, 5 * S, 1 * S, false, true },
	{ "(exit 127)", NEW, 0, 0, A, 0, 0, false, false },
	{ "status 127 is a fault", EXIT, 127, S - 1, A, 5 * S, 1 * S, false, true },
	{ "(any other end)", NEW, 0, 0, A, 0, 0, false, false },
	{ "status 1 is no fault", EXIT, 1, 0, A, 5 * S, 0, false, false },
	{ "nor is 125", EXIT, 125, 0, B, 5 * S, 0, false, false },
	{ "nor is 128", EXIT, 128, 0, C, 5 * S, 0, false, false },
	{ "nor is 255, from a fourth source", EXIT, 255, 0, D, 5 * S, 0, false, false },
	{ "a healthy service's success is no news", EXIT, 0, 0, A, 5 * S, 0, false, false },
	{ "(a late 127)", NEW, 0, 0, A, 0, 0, false, false },
	{ "status 127 after a second of life is a success", EXIT, 127, S, A, 5 * S, 0, false, false },
	{ "a failed start is a fault however long it was held", NOT_STARTED, 0, 5 * S, A, 9 * S, 1 * S,
	    false, true },

	{ "(the pause)", NEW, 0, 0, A, 0, 0, false, false },
	{ "a first fault: 1 s", EXIT, 127, 0, A, 10 * S, 1 * S, false, true },
	{ "then one is let in", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "and only one", ADMITTED, 0, 0, A, 0, 0, false, true },
	{ "a second: 2 s", EXIT, 127, 0, A, 11 * S, 2 * S, false, true },
	{ "one is let in again", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "one that cannot be started: 4 s", NOT_STARTED, 0, 0, A, 13 * S, 4 * S, false, true },
	{ "(its end)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "8 s", EXIT, 126, 0, A, 17 * S, 8 * S, false, true },
	{ "(its end)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "16 s", EXIT, 126, 0, A, 25 * S, 16 * S, false, true },
	{ "(its end)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "32 s", EXIT, 126, 0, A, 41 * S, 32 * S, false, true },
	{ "(its end)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "a minute, not 64 s", EXIT, 126, 0, A, 73 * S, 60 * S, false, true },
	{ "(its end)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "and no longer", EXIT, 126, 0, A, 133 * S, 60 * S, false, true },
	{ "(its end)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "(one is let in)", ADMITTED, 0, 0, A, 0, 0, false, true },
	{ "one success resets it", EXIT, 0, 0, A, 200 * S, 0, true, false },
	{ "so that the next fault costs 1 s", EXIT, 127, 0, A, 201 * S, 1 * S, false, true },

	{ "(while it lasts)", NEW, 0, 0, A, 0, 0, false, false },
	{ "(a fault)", NOT_STARTED, 0, 0, A, 10 * S, 1 * S, false, true },
	{ "ends of older connections add nothing to a pause", EXIT, 127, 0, A, 10 * S + 1, 0, false,
	    true },
	{ "nor do failed starts", NOT_STARTED, 0, 0, B, 10 * S + 2, 0, false, true },
	{ "nor does a status 1", EXIT, 1, 0, B, 10 * S + 3, 0, false, true },
	{ "(the pause ends)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "the next pause is 2 s, not 8", EXIT, 127, 0, A, 11 * S, 2 * S, false, true },
	{ "an older connection's success ends a pause at once", EXIT, 0, 0, A, 11 * S + 1, 0, true,
	    false },
	{ "(a fault)", NOT_STARTED, 0, 0, A, 20 * S, 1 * S, false, true },
	{ "an older one that has lived a second does too", LIVED, 0, 0, A, 0, 0, true, false },
	{ "once", LIVED, 0, 0, A, 0, 0, false, false },
	{ "(a fault)", NOT_STARTED, 0, 0, A, 20 * S, 1 * S, false, true },
	{ "a reload of the file does too", RESET, 0, 0, A, 0, 0, true, false },
	{ "of a healthy service it is no news", RESET, 0, 0, A, 0, 0, false, false },
	{ "(a fault)", NOT_STARTED, 0, 0, A, 20 * S, 1 * S, false, true },
	{ "a second of life counts also by the end", SIGNAL, 9, S, A, 20 * S, 0, true, false },

	{ "(the one let in)", NEW, 0, 0, A, 0, 0, false, false },
	{ "a healthy service waits for nobody's end", ADMITTED, 0, 0, A, 0, 0, false, false },
	{ "(a fault)", EXIT, 127, 0, A, 10 * S, 1 * S, false, true },
	{ "(one may come)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "(it came)", ADMITTED, 0, 0, A, 0, 0, false, true },
	{ "its status 1 is neither: another is let in", EXIT, 1, 0, A, 12 * S, 0, false, false },
	{ "and only one", ADMITTED, 0, 0, A, 0, 0, false, true },
	{ "its death by signal is neither too", SIGNAL, 11, 0, A, 12 * S, 0, false, false },
	{ "(another)", ADMITTED, 0, 0, A, 0, 0, false, true },
	{ "neither is no success: the next fault costs 2 s", EXIT, 127, 0, A, 13 * S, 2 * S, false,
	    true },
	{ "(one may come)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "(it came)", ADMITTED, 0, 0, A, 0, 0, false, true },
	{ "when it has lived a second all may come", LIVED, 0, 0, A, 0, 0, true, false },
	{ "(others)", ADMITTED, 0, 0, A, 0, 0, false, false },

	{ "(deaths by signal)", NEW, 0, 0, A, 0, 0, false, false },
	{ "one death is no fault", SIGNAL, 11, 0, A, 10 * S, 0, false, false },
	{ "nor are two", SIGNAL, 6, 0, B, 10 * S, 0, false, false },
	{ "three, from three sources, are", SIGNAL, 11, S - 1, C, 11 * S, 1 * S, false, true },
	{ "(the pause ends)", PAUSE_OVER, 0, 0, A, 0, 0, false, false },
	{ "the count has begun again: one", SIGNAL, 11, 0, D, 12 * S, 0, false, false },
	{ "two", SIGNAL, 11, 0, A, 12 * S, 0, false, false },
	{ "three: 2 s", SIGNAL, 11, 0, B, 12 * S, 2 * S, false, true },

	{ "(one hostile source)", NEW, 0, 0, A, 0, 0, false, false },
	{ "one source dies once", SIGNAL, 11, 0, A, 10 * S, 0, false, false },
	{ "twice", SIGNAL, 11, 0, A, 10 * S, 0, false, false },
	{ "from another port", SIGNAL, 11, 0, A_OTHER_PORT, 10 * S, 0, false, false },
	{ "and as often as it likes", SIGNAL, 11, 0, A, 10 * S, 0, false, false },
	{ "with a second one", SIGNAL, 11, 0, B, 10 * S, 0, false, false },
	{ "and again: no fault", SIGNAL, 11, 0, A, 10 * S, 0, false, false },
	{ "a third source is one", SIGNAL, 11, 0, SIX_A, 10 * S, 1 * S, false, true },
	{ "(unix clients)", NEW, 0, 0, A, 0, 0, false, false },
	{ "those of one uid are one source", SIGNAL, 11, 0, UNIX_1, 10 * S, 0, false, false },
	{ "all of them", SIGNAL, 11, 0, UNIX_1, 10 * S, 0, false, false },
	{ "always", SIGNAL, 11, 0, UNIX_1, 10 * S, 0, false, false },
	{ "another uid is another", SIGNAL, 11, 0, UNIX_2, 10 * S, 0, false, false },
	{ "so a third source is a fault", SIGNAL, 11, 0, A, 10 * S, 1 * S, false, true },
	{ "(an IPv6 source walks its /64)", NEW, 0, 0, A, 0, 0, false, false },
	{ "one address", SIGNAL, 11, 0, SIX_A, 10 * S, 0, false, false },
	{ "another of the /64 is the same source", SIGNAL, 11, 0, SIX_A_64, 10 * S, 0, false, false },
	{ "the next /64 is another", SIGNAL, 11, 0, SIX_B, 10 * S, 0, false, false },
	{ "so they were two", SIGNAL, 11, 0, A, 10 * S, 1 * S, false, true },

	{ "(in a row)", NEW, 0, 0, A, 0, 0, false, false },
	{ "(one)", SIGNAL, 11, 0, A, 10 * S, 0, false, false },
	{ "(two)", SIGNAL, 11, 0, B, 10 * S, 0, false, false },
	{ "an exit 0 between breaks the row", EXIT, 0, 0, D, 10 * S, 0, false, false },
	{ "so the third is the first", SIGNAL, 11, 0, C, 10 * S, 0, false, false },
	{ "(two)", SIGNAL, 11, 0, A, 10 * S, 0, false, false },
	{ "a death after a second of life breaks it too", SIGNAL, 11, S, B, 20 * S, 0, false, false },
	{ "(one)", SIGNAL, 11, 0, B, 20 * S, 0, false, false },
	{ "(two)", SIGNAL, 11, 0, C, 20 * S, 0, false, false },
	{ "so does one that has lived a second and goes on", LIVED, 0, 0, A, 0, 0, false, false },
	{ "(one)", SIGNAL, 11, 0, A, 20 * S, 0, false, false },
	{ "(two)", SIGNAL, 11, 0, B, 20 * S, 0, false, false },
	{ "a reload does", RESET, 0, 0, A, 0, 0, false, false },
	{ "(one)", SIGNAL, 11, 0, A, 20 * S, 0, false, false },
	{ "(two)", SIGNAL, 11, 0, B, 20 * S, 0, false, false },
	{ "a status 1 is no success and breaks nothing", EXIT, 1, 0, B, 20 * S, 0, false, false },
	{ "three", SIGNAL, 11, 0, C, 20 * S, 1 * S, false, true },
};

int
main(void)
{
	struct throttle t = { 0 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		take_step(&t, &steps[i]);

	t = (struct throttle){ 0 };
	for (int i = 0; i < 1000; i++) {
		struct source from = source_from(A);
		bool recovered;

		throttle_ended(&t, THROTTLE_NOT_STARTED, 0, 0, &from, i + 1, &recovered);
		throttle_try(&t);
	}
	UNIT_CHECK("a thousand faults count on, nothing is switched off",
	    t.faults == 1000 && !throttle_holds(&t), "faults %u", t.faults);
	return unit_done();
}
