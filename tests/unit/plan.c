#include <stdlib.h>
#include <string.h>

#include "../../src/pure/plan.h"
#include "unit.h"

#define MANY 5000

/* "2=tcp:127.0.0.1:80" or "2=tcp:127.0.0.1:80!eth0": a service's number and one socket. */
static bool
read_word(const char *word, size_t *service, struct endpoint_key *key, size_t half)
{
	char text[128], *device;
	struct endpoint e;

	if (strlcpy(text, strchr(word, '=') + 1, sizeof(text)) >= sizeof(text))
		return false;
	if ((device = strchr(text, '!')) != NULL)
		*device++ = '\0';
	if (!endpoint_parse(text, &e, NULL) || half >= endpoint_count(&e))
		return false;
	endpoint_expand(&e, half, device != NULL ? device : "", key);
	*service = (size_t)atoi(word);
	return true;
}

/* All sockets of a list, in its order. */
static size_t
read_list(const char *list, struct plan_have *out, size_t room)
{
	char *copy = strdup(list), *rest = copy, *word;
	size_t n = 0;

	while ((word = strsep(&rest, " ")) != NULL)
		for (size_t half = 0; n < room && word[0] != '\0' &&
		    read_word(word, &out[n].service, &out[n].key, half); half++)
			n++;
	free(copy);
	return n;
}

/* "take 0 | open | conflict 1", then what is closed: "; close 2". */
static void
write_plan(const struct plan_want *want, size_t nwant, const bool *used, size_t nhave, char *out,
    size_t size)
{
	char word[32];

	out[0] = '\0';
	for (size_t i = 0; i < nwant; i++) {
		if (want[i].action == PLAN_TAKE)
			snprintf(word, sizeof(word), "take %zu", want[i].from);
		else if (want[i].action == PLAN_CONFLICT)
			snprintf(word, sizeof(word), "conflict %zu", want[i].holder);
		else
			snprintf(word, sizeof(word), "open");
		strlcat(out, i > 0 ? ", " : "", size);
		strlcat(out, word, size);
	}
	for (size_t i = 0; i < nhave; i++)
		if (!used[i]) {
			snprintf(word, sizeof(word), "; close %zu", i);
			strlcat(out, word, size);
		}
}

static void
test_stories(void)
{
	static const struct {
		const char *label, *have, *want, *result;
	} rows[] = {
		{ "nothing there, nothing wanted", "", "", "" },
		{ "at start everything is opened", "", "0=tcp:80 1=unix:/run/x", "open, open, open" },
		{ "what is wanted no more is closed", "0=tcp:80", "", "; close 0; close 1" },
		{ "what stays is kept", "0=tcp:127.0.0.1:80 1=unix:/x",
		    "0=tcp:127.0.0.1:80 1=unix:/x", "take 0, take 1" },
		{ "whatever the order", "1=unix:/x 0=tcp:127.0.0.1:81 0=tcp:127.0.0.1:80",
		    "0=tcp:127.0.0.1:80 0=tcp:127.0.0.1:81 1=unix:/x", "take 2, take 1, take 0" },
		{ "a renamed file takes its socket along", "1=tcp:127.0.0.1:80",
		    "2=tcp:127.0.0.1:80", "take 0" },
		{ "both halves of a wildcard", "1=tcp:80", "0=tcp:80", "take 0, take 1" },
		{ "half of a wildcard is kept when only it is wanted", "0=tcp:80",
		    "0=tcp:0.0.0.0:80", "take 0; close 1" },
		{ "and the other half opened when both are", "0=tcp:0.0.0.0:80", "0=tcp:80",
		    "take 0, open" },
		{ "services swap their ports", "0=tcp:127.0.0.1:80 1=tcp:127.0.0.1:81",
		    "0=tcp:127.0.0.1:81 1=tcp:127.0.0.1:80", "take 1, take 0" },
		{ "another port is another socket", "0=tcp:127.0.0.1:80", "0=tcp:127.0.0.1:81",
		    "open; close 0" },
		{ "so is another address", "0=tcp:127.0.0.1:80", "0=tcp:127.0.0.2:80",
		    "open; close 0" },
		{ "and another family", "0=tcp:0.0.0.0:80", "0=tcp:[::]:80", "open; close 0" },
		{ "a wildcard is not one of its addresses", "0=tcp:0.0.0.0:80",
		    "0=tcp:127.0.0.1:80", "open; close 0" },
		{ "a device makes another socket", "0=tcp:127.0.0.1:80",
		    "0=tcp:127.0.0.1:80!eth0", "open; close 0" },
		{ "another device too", "0=tcp:127.0.0.1:80!eth0", "0=tcp:127.0.0.1:80!eth1",
		    "open; close 0" },
		{ "so does a scope", "0=tcp:[fe80::1%a]:80", "0=tcp:[fe80::1%b]:80",
		    "open; close 0" },
		{ "an abstract name is no path", "0=unix:@x", "0=unix:/x", "open; close 0" },

		{ "two want one: the first by name gets it", "", "0=unix:/x 1=unix:/x 2=unix:/x",
		    "open, conflict 0, conflict 0" },
		{ "the one that has it keeps it", "1=unix:/x", "0=unix:/x 1=unix:/x",
		    "conflict 1, take 0" },
		{ "also as the last by name", "2=unix:/x", "0=unix:/x 1=unix:/x 2=unix:/x",
		    "conflict 2, conflict 2, take 0" },
		{ "when its holder goes, the first by name takes it over", "2=unix:/x",
		    "0=unix:/x 1=unix:/x", "take 0, conflict 0" },
		{ "a newcomer does not take what it only shares a port with", "1=tcp:127.0.0.1:80",
		    "0=tcp:127.0.0.2:80 1=tcp:127.0.0.1:80", "open, take 0" },
		{ "a conflict over one half leaves the other", "", "0=tcp:0.0.0.0:80 1=tcp:80",
		    "open, conflict 0, open" },
		{ "a conflict over one port of a range leaves the rest",
		    "1=tcp:127.0.0.1:7001", "0=tcp:127.0.0.1:7000-7002 1=tcp:127.0.0.1:7001",
		    "open, conflict 1, open, take 0" },
		{ "a service that names a socket twice has it once", "",
		    "0=tcp:127.0.0.1:80 0=tcp:127.0.0.1:80", "open, conflict 0" },
		{ "and keeps it once", "0=tcp:127.0.0.1:80",
		    "0=tcp:127.0.0.1:80 0=tcp:127.0.0.1:80", "take 0, conflict 0" },

		{ "port 0 is nobody's", "", "0=tcp:127.0.0.1:0 1=tcp:127.0.0.1:0", "open, open" },
		{ "each keeps its own", "0=tcp:127.0.0.1:0 1=tcp:127.0.0.1:0",
		    "0=tcp:127.0.0.1:0 1=tcp:127.0.0.1:0", "take 0, take 1" },
		{ "also when they lie the other way round", "1=tcp:127.0.0.1:0 0=tcp:127.0.0.1:0",
		    "0=tcp:127.0.0.1:0 1=tcp:127.0.0.1:0", "take 1, take 0" },
		{ "a newcomer before the holder gets a port of its own", "1=tcp:127.0.0.1:0",
		    "0=tcp:127.0.0.1:0 1=tcp:127.0.0.1:0", "open, take 0" },
		{ "a renamed file keeps its port 0", "1=tcp:127.0.0.1:0", "0=tcp:127.0.0.1:0",
		    "take 0" },
		{ "but not one that is still wanted by its own",
		    "1=tcp:127.0.0.1:0 2=tcp:127.0.0.1:0", "0=tcp:127.0.0.1:0 2=tcp:127.0.0.1:0",
		    "take 0, take 1" },
		{ "one service may want several", "0=tcp:127.0.0.1:0",
		    "0=tcp:127.0.0.1:0 0=tcp:127.0.0.1:0", "take 0, open" },
		{ "in their order", "0=tcp:127.0.0.1:0 0=tcp:127.0.0.1:0",
		    "0=tcp:127.0.0.1:0 0=tcp:127.0.0.1:0", "take 0, take 1" },
		{ "and fewer", "0=tcp:127.0.0.1:0 0=tcp:127.0.0.1:0", "0=tcp:127.0.0.1:0",
		    "take 0; close 1" },
		{ "a pair moves as a pair", "1=tcp:0", "0=tcp:0", "take 0, take 1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan_have have[16], wanted[16];
		struct plan_want want[16];
		char got[512];
		bool used[16];
		size_t nhave = read_list(rows[i].have, have, 16);
		size_t nwant = read_list(rows[i].want, wanted, 16);
		int ret;

		for (size_t j = 0; j < nwant; j++)
			want[j] = (struct plan_want){ .key = wanted[j].key,
				.service = wanted[j].service, .action = PLAN_CONFLICT, .from = 99 };
		ret = plan_make(have, nhave, want, nwant, used);
		write_plan(want, nwant, used, nhave, got, sizeof(got));
		UNIT_CHECK(rows[i].label, ret == 0 && strcmp(got, rows[i].result) == 0,
		    "'%s' to '%s': got '%s', want '%s'", rows[i].have, rows[i].want, got,
		    rows[i].result);
	}
}

/* Number i of many keys: all different, or all port 0. */
static struct endpoint_key
many_key(size_t i, bool port_zero)
{
	struct endpoint_key k = { 0 };
	struct endpoint e;
	char text[64];

	snprintf(text, sizeof(text), "tcp:127.0.0.1:%zu", port_zero ? 0 : i + 1);
	if (endpoint_parse(text, &e, NULL))
		endpoint_expand(&e, 0, "", &k);
	return k;
}

struct many {
	struct plan_have have[MANY];
	struct plan_want want[MANY];
	bool used[MANY];
};

static void
test_many(void)
{
	static const struct {
		const char *label;
		bool port_zero, own;
		size_t nhave, want_own, want_open;
	} rows[] = {
		{ "5,000 sockets are opened", false, true, 0, 0, MANY },
		{ "5,000 are kept, each by its service", false, true, MANY, MANY, 0 },
		{ "5,000 move to other services", false, false, MANY, 0, 0 },
		{ "of 5,000 one is new", false, true, MANY - 1, MANY - 1, 1 },
		{ "5,000 of port 0 are opened", true, true, 0, 0, MANY },
		{ "5,000 of port 0 are kept, each by its service", true, true, MANY, MANY, 0 },
		{ "of 5,000 of port 0 one is new", true, true, MANY - 1, MANY - 1, 1 },
	};
	struct many *m = malloc(sizeof(*m));

	for (size_t r = 0; m != NULL && r < sizeof(rows) / sizeof(rows[0]); r++) {
		size_t own = 0, open = 0, wrong = 0, closed = 0;
		int ret;

		/* the open ones lie in the reverse order, which no sort likes */
		for (size_t i = 0; i < rows[r].nhave; i++) {
			size_t n = rows[r].nhave - 1 - i;

			m->have[i] = (struct plan_have){ many_key(n, rows[r].port_zero),
				rows[r].own ? n : n + MANY };
		}
		for (size_t i = 0; i < MANY; i++)
			m->want[i] = (struct plan_want){ .key = many_key(i, rows[r].port_zero),
				.service = i };
		ret = plan_make(m->have, rows[r].nhave, m->want, MANY, m->used);
		for (size_t i = 0; i < MANY; i++) {
			const struct plan_want *w = &m->want[i];

			open += w->action == PLAN_OPEN;
			wrong += w->action == PLAN_CONFLICT;
			if (w->action != PLAN_TAKE)
				continue;
			own += m->have[w->from].service == i;
			wrong += endpoint_key_cmp(&m->have[w->from].key, &w->key) != 0;
		}
		for (size_t i = 0; i < rows[r].nhave; i++)
			closed += !m->used[i];
		UNIT_CHECK(rows[r].label, ret == 0 && own == rows[r].want_own &&
		    open == rows[r].want_open && wrong == 0 && closed == 0,
		    "own %zu of %zu, open %zu of %zu, wrong %zu, closed %zu", own, rows[r].want_own,
		    open, rows[r].want_open, wrong, closed);
	}
	free(m);
}

static void
test_one_for_all(void)
{
	struct plan_want *want = calloc(MANY, sizeof(*want));
	struct plan_have have = { many_key(0, false), MANY - 1 };
	size_t conflicts = 0;
	bool used;

	for (size_t i = 0; want != NULL && i < MANY; i++)
		want[i] = (struct plan_want){ .key = many_key(0, false), .service = i };
	if (want == NULL || plan_make(&have, 1, want, MANY, &used) < 0)
		abort();
	for (size_t i = 0; i < MANY; i++)
		conflicts += want[i].action == PLAN_CONFLICT && want[i].holder == MANY - 1;
	UNIT_CHECK("5,000 want one socket: its holder keeps it, and all others name it",
	    conflicts == MANY - 1 && want[MANY - 1].action == PLAN_TAKE && used,
	    "%zu conflicts", conflicts);
	free(want);
}

int
main(void)
{
	test_stories();
	test_many();
	test_one_for_all();
	return unit_done();
}
