#include "../../src/pure/admit.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "unit.h"

#define S INT64_C(1000000000)
#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
test_words(void)
{
	static const struct {
		const char *label;
		enum admit_verdict input;
		const char *want;
	} rows[] = {
		{ "a free place has a word", ADMIT_OK, "ok" },
		{ "the rules of access", ADMIT_DENIED, "denied" },
		{ "a source that pays", ADMIT_PENALTY, "penalty" },
		{ "the limit of one source", ADMIT_SOURCE_FULL, "source-full" },
		{ "the rate of one source", ADMIT_SOURCE_RATE, "source-rate" },
		{ "the service's own limit", ADMIT_SERVICE_FULL, "service-full" },
		{ "the service's own rate", ADMIT_SERVICE_RATE, "service-rate" },
		{ "the limit of all services", ADMIT_POOL_FULL, "pool-full" },
		{ "the machine is busy", ADMIT_LOAD, "load" },
		{ "a service at fault", ADMIT_THROTTLED, "throttled" },
		{ "a service that was told to wait", ADMIT_PAUSED, "paused" },
		{ "berthd stops", ADMIT_DRAINING, "draining" },
		{ "the system has no more to give", ADMIT_RESOURCES, "resources" },
		{ "no proxy said who", ADMIT_BAD_HEADER, "bad-header" },
		{ "the client has left", ADMIT_GONE, "gone" },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		UNIT_CHECK(rows[i].label, strcmp(admit_word(rows[i].input), rows[i].want) == 0,
		    "got %s, want %s", admit_word(rows[i].input), rows[i].want);
	UNIT_CHECK("every verdict is in the table above", ROWS(rows) == ADMIT_VERDICTS, "%d verdicts",
	    ADMIT_VERDICTS);
}

static bool
same_verdict(enum admit_verdict got, enum admit_verdict want, const char *rule, const char *want_rule)
{
	return got == want && strcmp(rule, want_rule) == 0 && (rule[0] == '\0') == (got == ADMIT_OK);
}

/* ---- a source ---- */

static const struct bucket_rate five = { 5, 2, 10 * S };
static const struct peer fresh, held = { .live = 3 }, spent = { .bucket = { 200 * S } },
    owing = { .balance_ns = 20 * S, .balance_at_ns = 96 * S },
    bad_in_all = { .live = 3, .bucket = { 200 * S }, .balance_ns = 20 * S,
	.balance_at_ns = 100 * S };

static struct access
deny_ten(struct access_rule *rule)
{
	*rule = (struct access_rule){ .prefix = { .family = AF_INET, .bits = 8, .bytes = { 10 } } };
	return (struct access){ .deny = { .set = true, .rule = rule, .count = 1 } };
}

static void
test_source(void)
{
	static const struct {
		const char *label, *peer;
		struct admit_source_facts f;	/* but for access and peer */
		enum admit_verdict want;
		const char *rule;
	} rows[] = {
		{ "a source without history", "192.0.2.7", { .threshold_ns = 15 * S, .limit = 1,
		    .rate = &five }, ADMIT_OK, "" },
		{ "a fresh entry", "192.0.2.7", { .entry = &fresh, .threshold_ns = 15 * S, .limit = 1,
		    .rate = &five }, ADMIT_OK, "" },
		{ "an address that is denied", "10.1.2.3", { .entry = &fresh }, ADMIT_DENIED,
		    "access: deny 10.0.0.0/8" },
		{ "also without history", "10.1.2.3", { .entry = NULL }, ADMIT_DENIED,
		    "access: deny 10.0.0.0/8" },
		{ "a balance above the threshold", "192.0.2.7", { .entry = &owing,
		    .threshold_ns = 15 * S }, ADMIT_PENALTY,
		    "penalties.threshold is 15s, the balance 16s" },
		{ "at the threshold", "192.0.2.7", { .entry = &owing, .threshold_ns = 16 * S },
		    ADMIT_PENALTY, "penalties.threshold is 16s, the balance 16s" },
		{ "below it", "192.0.2.7", { .entry = &owing, .threshold_ns = 16 * S + 1 }, ADMIT_OK,
		    "" },
		{ "no threshold", "192.0.2.7", { .entry = &owing }, ADMIT_OK, "" },
		{ "as many handlers as allowed", "192.0.2.7", { .entry = &held, .limit = 3 },
		    ADMIT_SOURCE_FULL, "limits.connections_per_source is 3" },
		{ "a limit lowered under what is live", "192.0.2.7", { .entry = &held, .limit = 1 },
		    ADMIT_SOURCE_FULL, "limits.connections_per_source is 1" },
		{ "one less", "192.0.2.7", { .entry = &held, .limit = 4 }, ADMIT_OK, "" },
		{ "no limit", "192.0.2.7", { .entry = &held }, ADMIT_OK, "" },
		{ "a rate that is used up", "192.0.2.7", { .entry = &spent, .rate = &five },
		    ADMIT_SOURCE_RATE, "limits.rate_per_source is 5/10s, 2 at once" },
		{ "no rate", "192.0.2.7", { .entry = &spent }, ADMIT_OK, "" },
		{ "access comes first", "10.1.2.3", { .entry = &bad_in_all, .threshold_ns = 15 * S,
		    .limit = 3, .rate = &five }, ADMIT_DENIED, "access: deny 10.0.0.0/8" },
		{ "then penalties", "192.0.2.7", { .entry = &bad_in_all, .threshold_ns = 15 * S,
		    .limit = 3, .rate = &five }, ADMIT_PENALTY,
		    "penalties.threshold is 15s, the balance 20s" },
		{ "then the number", "192.0.2.7", { .entry = &bad_in_all, .limit = 3, .rate = &five },
		    ADMIT_SOURCE_FULL, "limits.connections_per_source is 3" },
	};
	struct access_rule rule;
	struct access access = deny_ten(&rule);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct addr peer = { .len = sizeof(peer.u.in) };
		struct admit_source_facts f = rows[i].f;
		char text[ADMIT_RULE_MAX] = "?";
		enum admit_verdict got;

		peer.u.in.sin_family = AF_INET;
		inet_pton(AF_INET, rows[i].peer, &peer.u.in.sin_addr);
		f.access = &access;
		f.peer = &peer;
		f.now_ns = 100 * S;
		got = admit_source(&f);
		admit_source_rule(&f, text, sizeof(text));
		UNIT_CHECK(rows[i].label, same_verdict(got, rows[i].want, text, rows[i].rule),
		    "got %s '%s', want %s", admit_word(got), text, admit_word(rows[i].want));
	}
	UNIT_CHECK("no rules of access, no look at the peer", admit_source(&(struct admit_source_facts){
	    .entry = &fresh }) == ADMIT_OK, "refused");
}

/* ---- a service ---- */

static const struct bucket_rate fifty = { 50, 50, S };
static const struct bucket drained = { 102 * S }, half = { 100 * S + S / 2 };

static void
test_service(void)
{
	static const struct {
		const char *label;
		struct admit_service_facts input;
		enum admit_verdict want;
		const char *rule;
	} rows[] = {
		{ "an idle service has room", { .active = 0, .limit = 1 }, ADMIT_OK, "" },
		{ "the last place is given", { .active = 99, .limit = 100 }, ADMIT_OK, "" },
		{ "at the limit it is full", { .active = 100, .limit = 100 }, ADMIT_SERVICE_FULL,
		    "limits.connections is 100" },
		{ "a limit lowered under what is live: full", { .active = 100, .limit = 3 },
		    ADMIT_SERVICE_FULL, "limits.connections is 3" },
		{ "no limit: never full", { .active = UINT32_MAX, .limit = 0 }, ADMIT_OK, "" },
		{ "the highest limit holds too", { .active = UINT32_MAX, .limit = UINT32_MAX },
		    ADMIT_SERVICE_FULL, "limits.connections is 4294967295" },
		{ "one below it there is room", { .active = UINT32_MAX - 1, .limit = UINT32_MAX },
		    ADMIT_OK, "" },
		{ "a throttled service is not served", { .limit = 100, .throttled = true },
		    ADMIT_THROTTLED, "the service is at fault" },
		{ "a fault says more than a full house",
		    { .active = 100, .limit = 100, .throttled = true }, ADMIT_THROTTLED,
		    "the service is at fault" },
		{ "a paused service is not served", { .limit = 100, .paused = true }, ADMIT_PAUSED,
		    "the service is paused" },
		{ "a pause says more than a fault", { .paused = true, .throttled = true }, ADMIT_PAUSED,
		    "the service is paused" },
		{ "and more than a full house, which a chain would answer",
		    { .active = 100, .limit = 100, .paused = true }, ADMIT_PAUSED,
		    "the service is paused" },
		{ "the rate has something left", { .bucket = &half, .rate = &fifty }, ADMIT_OK, "" },
		{ "the rate is used up", { .bucket = &drained, .rate = &fifty }, ADMIT_SERVICE_RATE,
		    "limits.rate is 50/s, 50 at once" },
		{ "a bucket without a rate", { .bucket = &drained }, ADMIT_OK, "" },
		{ "a rate without a bucket", { .rate = &fifty }, ADMIT_OK, "" },
		{ "below the load", { .load = 7.99, .load_max = 8 }, ADMIT_OK, "" },
		{ "at the load", { .load = 8, .load_max = 8 }, ADMIT_LOAD,
		    "limits.load is 8, the load average 8.00" },
		{ "above it", { .load = 12.345, .load_max = 7.5 }, ADMIT_LOAD,
		    "limits.load is 7.5, the load average 12.35" },
		{ "no load is asked for", { .load = 1000 }, ADMIT_OK, "" },
		{ "full and out of rate: evicting would not help",
		    { .active = 1, .limit = 1, .bucket = &drained, .rate = &fifty }, ADMIT_SERVICE_RATE,
		    "limits.rate is 50/s, 50 at once" },
		{ "full and loaded: evicting would not help",
		    { .active = 1, .limit = 1, .load = 9, .load_max = 8 }, ADMIT_LOAD,
		    "limits.load is 8, the load average 9.00" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct admit_service_facts f = rows[i].input;
		char text[ADMIT_RULE_MAX] = "?";
		enum admit_verdict got;

		f.now_ns = 100 * S;
		got = admit_service(&f);
		admit_service_rule(&f, text, sizeof(text));
		UNIT_CHECK(rows[i].label, same_verdict(got, rows[i].want, text, rows[i].rule),
		    "got %s '%s', want %s", admit_word(got), text, admit_word(rows[i].want));
	}
}

/* ---- the pool ---- */

static void
test_pool(void)
{
	static const struct {
		const char *label;
		struct admit_pool_facts input;
		enum admit_verdict want;
		const char *rule;
	} rows[] = {
		{ "an idle pool has room", { .active = 0, .limit = 1 }, ADMIT_OK, "" },
		{ "the pool's last place is given", { .active = 4095, .limit = 4096 }, ADMIT_OK, "" },
		{ "at its limit the pool is full", { .active = 4096, .limit = 4096 },
		    ADMIT_POOL_FULL, "limits.connections of berth.json is 4096" },
		{ "a reload may leave more live than the limit", { .active = 9, .limit = 4 },
		    ADMIT_POOL_FULL, "limits.connections of berth.json is 4" },
		{ "a pool without a limit is never full", { .active = UINT32_MAX, .limit = 0 },
		    ADMIT_OK, "" },
		{ "a shortage stops an idle pool", { .limit = 10, .short_of_resources = true },
		    ADMIT_RESOURCES, "no descriptor, memory or process is to be had" },
		{ "a shortage says more than a full pool",
		    { .active = 10, .limit = 10, .short_of_resources = true }, ADMIT_RESOURCES,
		    "no descriptor, memory or process is to be had" },
		{ "others' reserves are kept free", { .active = 6, .limit = 10, .others_unused = 4 },
		    ADMIT_POOL_FULL,
		    "limits.connections of berth.json is 10, and the 4 places left are reserved" },
		{ "beside them there is room", { .active = 5, .limit = 10, .others_unused = 4 },
		    ADMIT_OK, "" },
		{ "a service below its reserve gets in", { .active = 9, .limit = 10, .own_unused = 1,
		    .others_unused = 9 }, ADMIT_OK, "" },
		{ "but not beyond the last place", { .active = 10, .limit = 10, .own_unused = 1 },
		    ADMIT_POOL_FULL, "limits.connections of berth.json is 10" },
		{ "reserves above any limit do not overflow", { .active = UINT32_MAX,
		    .limit = UINT32_MAX, .others_unused = UINT64_C(1) << 40 }, ADMIT_POOL_FULL,
		    "limits.connections of berth.json is 4294967295" },
		{ "reserves without a limit keep nothing", { .active = 5, .others_unused = 9 }, ADMIT_OK,
		    "" },
		{ "the load of berth.json", { .limit = 10, .load = 4.5, .load_max = 4.5 }, ADMIT_LOAD,
		    "limits.load of berth.json is 4.5, the load average 4.50" },
		{ "full and loaded: evicting would not help",
		    { .active = 10, .limit = 10, .load = 9, .load_max = 8 }, ADMIT_LOAD,
		    "limits.load of berth.json is 8, the load average 9.00" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		enum admit_verdict got = admit_pool(&rows[i].input);
		char text[ADMIT_RULE_MAX] = "?";

		admit_pool_rule(&rows[i].input, text, sizeof(text));
		UNIT_CHECK(rows[i].label, same_verdict(got, rows[i].want, text, rows[i].rule),
		    "got %s '%s', want %s", admit_word(got), text, admit_word(rows[i].want));
	}
}

/* Every service may fill its reserve, whoever comes first and however the others crowd. */
static void
test_reserves(void)
{
	static const uint32_t reserve[3] = { 5, 3, 0 };
	uint32_t active[3] = { 0 }, all = 0;

	/* 10 places: the third service takes what it can get, then the others ask for their own */
	for (int asked = 0; asked < 60; asked++) {
		int who = asked < 20 ? 2 : asked % 2;
		struct admit_pool_facts f = { .active = all, .limit = 10 };

		for (int i = 0; i < 3; i++) {
			uint32_t unused = reserve[i] > active[i] ? reserve[i] - active[i] : 0;

			if (i == who)
				f.own_unused = unused;
			else
				f.others_unused += unused;
		}
		if (admit_pool(&f) == ADMIT_OK) {
			active[who]++;
			all++;
		}
	}
	UNIT_CHECK("a crowd leaves each reserve free", active[2] == 2, "%u", active[2]);
	UNIT_CHECK("and each service gets its own", active[0] == 5 && active[1] == 3, "%u %u",
	    active[0], active[1]);
}

static void
test_charge(void)
{
	struct bucket b = { 0 };
	struct peer p = { 0 };
	struct admit_source_facts f = { .entry = &p, .limit = 2, .rate = &five, .now_ns = S };
	struct admit_cost cost = { .entry = &p, .rate_per_source = &five, .bucket = &b,
		.rate = &fifty, .now_ns = S };
	struct admit_cost nothing = { .now_ns = S };
	struct peer before = p;

	for (int i = 0; i < 1000; i++)
		admit_source(&f);
	UNIT_CHECK("asking costs nothing", memcmp(&p, &before, sizeof(p)) == 0, "%u", p.live);
	admit_charge(&cost);
	UNIT_CHECK("a connection is counted for its source", p.live == 1, "%u", p.live);
	UNIT_CHECK("and takes a token of the source", p.bucket.tat_ns == 3 * S, "%" PRId64,
	    p.bucket.tat_ns);
	UNIT_CHECK("and one of the service", b.tat_ns == S + S / 50, "%" PRId64, b.tat_ns);
	admit_charge(&cost);
	UNIT_CHECK("two of two: full", admit_source(&f) == ADMIT_SOURCE_FULL, "%s",
	    admit_word(admit_source(&f)));
	peers_release(&p);
	UNIT_CHECK("when one has ended the rate says no", admit_source(&f) == ADMIT_SOURCE_RATE, "%s",
	    admit_word(admit_source(&f)));
	admit_charge(&nothing);
	UNIT_CHECK("without history and rates nothing is charged", p.live == 1, "%u", p.live);
}

int
main(void)
{
	test_words();
	test_source();
	test_service();
	test_pool();
	test_reserves();
	test_charge();
	return unit_done();
}
