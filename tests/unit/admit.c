#include <string.h>

#include "../../src/pure/admit.h"
#include "unit.h"

static void
test_words(void)
{
	static const struct {
		const char *label;
		enum admit_verdict input;
		const char *want;
	} rows[] = {
		{ "a free place has a word", ADMIT_OK, "ok" },
		{ "the service's own limit", ADMIT_SERVICE_FULL, "service-full" },
		{ "the limit of all services", ADMIT_POOL_FULL, "pool-full" },
		{ "a service at fault", ADMIT_THROTTLED, "throttled" },
		{ "berthd stops", ADMIT_DRAINING, "draining" },
		{ "the system has no more to give", ADMIT_RESOURCES, "resources" },
		{ "the client has left", ADMIT_GONE, "gone" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		UNIT_CHECK(rows[i].label, strcmp(admit_word(rows[i].input), rows[i].want) == 0,
		    "got %s, want %s", admit_word(rows[i].input), rows[i].want);
	UNIT_CHECK("every verdict is in the table above",
	    sizeof(rows) / sizeof(rows[0]) == ADMIT_VERDICTS, "%d verdicts", ADMIT_VERDICTS);
}

static void
test_service(void)
{
	static const struct {
		const char *label;
		struct admit_service_facts input;
		enum admit_verdict want;
	} rows[] = {
		{ "an idle service has room", { .active = 0, .limit = 1 }, ADMIT_OK },
		{ "the last place is given", { .active = 99, .limit = 100 }, ADMIT_OK },
		{ "at the limit it is full", { .active = 100, .limit = 100 }, ADMIT_SERVICE_FULL },
		{ "a limit lowered under what is live: full", { .active = 100, .limit = 3 },
		    ADMIT_SERVICE_FULL },
		{ "no limit: never full", { .active = UINT32_MAX, .limit = 0 }, ADMIT_OK },
		{ "the highest limit holds too", { .active = UINT32_MAX, .limit = UINT32_MAX },
		    ADMIT_SERVICE_FULL },
		{ "one below it there is room", { .active = UINT32_MAX - 1, .limit = UINT32_MAX },
		    ADMIT_OK },
		{ "a throttled service is not served", { .limit = 100, .throttled = true },
		    ADMIT_THROTTLED },
		{ "a fault says more than a full house",
		    { .active = 100, .limit = 100, .throttled = true }, ADMIT_THROTTLED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum admit_verdict got = admit_service(&rows[i].input);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %s, want %s", admit_word(got),
		    admit_word(rows[i].want));
	}
}

static void
test_pool(void)
{
	static const struct {
		const char *label;
		struct admit_pool_facts input;
		enum admit_verdict want;
	} rows[] = {
		{ "an idle pool has room", { .active = 0, .limit = 1 }, ADMIT_OK },
		{ "the pool's last place is given", { .active = 4095, .limit = 4096 }, ADMIT_OK },
		{ "at its limit the pool is full", { .active = 4096, .limit = 4096 },
		    ADMIT_POOL_FULL },
		{ "a reload may leave more live than the limit", { .active = 9, .limit = 4 },
		    ADMIT_POOL_FULL },
		{ "a pool without a limit is never full", { .active = UINT32_MAX, .limit = 0 },
		    ADMIT_OK },
		{ "a shortage stops an idle pool", { .limit = 10, .short_of_resources = true },
		    ADMIT_RESOURCES },
		{ "a shortage says more than a full pool",
		    { .active = 10, .limit = 10, .short_of_resources = true }, ADMIT_RESOURCES },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum admit_verdict got = admit_pool(&rows[i].input);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %s, want %s", admit_word(got),
		    admit_word(rows[i].want));
	}
}

int
main(void)
{
	test_words();
	test_service();
	test_pool();
	return unit_done();
}
