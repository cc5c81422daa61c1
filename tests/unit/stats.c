#include "../../src/pure/stats.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct stats
make(size_t slots)
{
	void *base = calloc(1, stats_bytes(slots));
	struct stats s = stats_parts(base, slots);

	stats_init(s.head);
	s.head->slots = slots;
	s.head->generation = 1;
	return s;
}

/* ---- the head ---- */

static void
test_check(void)
{
	enum { GOOD, MAGIC, WORDS, SIZE, SHORT, MANY, NOTHING };
	static const struct {
		const char *label;
		int broken;
		const char *want;	/* part of why; NULL: it is taken */
	} rows[] = {
		{ "a file of the same layout is taken", GOOD, NULL },
		{ "another magic is not", MAGIC, "not a statistics file" },
		{ "another vocabulary is another version", WORDS, "another version" },
		{ "counters of another size too", SIZE, "another version" },
		{ "fewer bytes than its slots need", SHORT, "too short" },
		{ "more slots than there can be", MANY, "too short" },
		{ "an empty file", NOTHING, "not a statistics file" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stats s = make(3);
		size_t bytes = stats_bytes(3);
		struct diag why = { 0 };
		bool good;

		if (rows[i].broken == MAGIC)
			s.head->magic[0]++;
		if (rows[i].broken == WORDS)
			s.head->layout[1]++;
		if (rows[i].broken == SIZE)
			s.head->slot_bytes++;
		if (rows[i].broken == MANY)
			s.head->slots = STATS_SLOTS + 1;
		if (rows[i].broken == SHORT)
			bytes--;
		if (rows[i].broken == NOTHING)
			bytes = 0;
		good = stats_check(s.head, bytes, &why);
		UNIT_CHECK(rows[i].label,
		    good == (rows[i].want == NULL) && (good || strstr(why.text, rows[i].want) != NULL),
		    "%d \"%s\", want \"%s\"", good, why.text, rows[i].want ? rows[i].want : "good");
		free(s.head);
	}
}

static void
test_layout(void)
{
	struct stats s = make(0);

	UNIT_CHECK("every reason and cause is in the layout",
	    strstr(s.head->layout, " source-full ") != NULL && strstr(s.head->layout, " gone ;") != NULL &&
	    strstr(s.head->layout, " lost ;") != NULL, "%s", s.head->layout);
	UNIT_CHECK("... which is not cut", strlen(s.head->layout) < STATS_LAYOUT - 64, "%zu bytes",
	    strlen(s.head->layout));
	free(s.head);
}

/* ---- taking over ---- */

static void
test_settle(void)
{
	static const struct {
		const char *label;
		struct stats_counters before;
		uint64_t want_lost, want_accepted, want_ended, want_cause;
	} rows[] = {
		{ "nothing was open", { .accepted = 5, .ended = 3, .cause[CAUSE_EXIT] = 3, .failed = 1,
		    .refused[3] = 1 }, 0, 5, 3, 0 },
		{ "three were open: ended, lost", { .accepted = 9, .ended = 4, .cause[CAUSE_EXIT] = 4,
		    .failed = 1, .refused[1] = 1 }, 3, 9, 7, 3 },
		{ "... beside those that were lost before", { .accepted = 9, .ended = 8, .cause[CAUSE_IDLE] = 3,
		    .cause[CAUSE_LOST] = 5 }, 1, 9, 9, 6 },
		{ "killed between two counts of one: it was accepted", { .accepted = 2, .ended = 3,
		    .cause[CAUSE_EXIT] = 3 }, 0, 3, 3, 0 },
		{ "... it was ended, by what is lost", { .accepted = 3, .ended = 3, .cause[CAUSE_EXIT] = 2 },
		    0, 3, 3, 1 },
		{ "... its cause was counted first", { .accepted = 3, .ended = 2, .cause[CAUSE_EXIT] = 3 },
		    1, 3, 3, 0 },
		{ "never used", { 0 }, 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stats s = make(1);
		struct stats_counters *c = &s.slot[0].count;
		uint64_t lost;

		*c = rows[i].before;
		lost = stats_settle(&s);
		UNIT_CHECK(rows[i].label, lost == rows[i].want_lost &&
		    c->cause[CAUSE_LOST] == rows[i].want_cause && c->accepted == rows[i].want_accepted &&
		    c->ended == rows[i].want_ended && stats_open(c) == 0,
		    "lost %llu, accepted %llu, ended %llu, open %llu", (unsigned long long)lost,
		    (unsigned long long)c->accepted, (unsigned long long)c->ended,
		    (unsigned long long)stats_open(c));
		UNIT_CHECK("a second time changes nothing", stats_settle(&s) == 0 &&
		    c->cause[CAUSE_LOST] == rows[i].want_cause, "lost %llu",
		    (unsigned long long)c->cause[CAUSE_LOST]);
		free(s.head);
	}
}

/* ---- the recorder ---- */

static void
test_ring(void)
{
	struct stats s = make(0);
	struct stats_event e = { .what = STATS_REFUSE, .reason = ADMIT_DENIED }, got;

	strcpy(e.service, "x");
	for (uint64_t i = 1; i <= STATS_EVENTS + 10; i++) {
		e.connection = i;
		stats_record(&s, &e);
	}
	UNIT_CHECK("the newest is there", stats_event(&s, STATS_EVENTS + 10, &got) &&
	    got.connection == STATS_EVENTS + 10 && got.number == STATS_EVENTS + 10, "%llu",
	    (unsigned long long)got.number);
	UNIT_CHECK("the oldest that there is room for is there", stats_event(&s, 11, &got) &&
	    got.connection == 11, "%llu", (unsigned long long)got.connection);
	UNIT_CHECK("the one before is gone", !stats_event(&s, 10, &got), "it is there");
	UNIT_CHECK("what has not happened is not there", !stats_event(&s, STATS_EVENTS + 11, &got),
	    "it is there");
	UNIT_CHECK("nor is number 0", !stats_event(&s, 0, &got), "it is there");
	s.event[5].number = 0;
	UNIT_CHECK("one that is being written is not there", !stats_event(&s, STATS_EVENTS + 5, &got),
	    "it is there");
	s.head->next_event = 3;
	stats_settle(&s);
	UNIT_CHECK("the next berthd goes on after the newest", s.head->next_event == STATS_EVENTS + 11,
	    "%llu", (unsigned long long)s.head->next_event);
	free(s.head);
}

static void
test_json(void)
{
	struct stats_counters c = { .accepted = 3, .ended = 2, .refused[ADMIT_DENIED] = 1,
		.status[0] = 1, .status[75] = 1, .signal[11] = 4, .cpu_user_ns = 1500000000 };
	struct stats_event e = { .number = 7, .what = STATS_EXIT, .cause = CAUSE_IDLE, .signal = 15,
		.realtime_ns = 1500000000, .connection = 9, .service = "a" };
	json_t *j;
	char *said;

	histogram_add(&c.spawn, 3000);
	j = stats_json(&c, true);
	said = json_dumps(j, 0);
	UNIT_CHECK("counters have every reason, and of statuses and signals those that occurred",
	    json_integer_value(json_object_get(json_object_get(j, "refused"), "denied")) == 1 &&
	    json_object_size(json_object_get(j, "refused")) == ADMIT_VERDICTS - 1 &&
	    json_object_size(json_object_get(j, "statuses")) == 2 &&
	    json_integer_value(json_object_get(json_object_get(j, "statuses"), "75")) == 1 &&
	    json_integer_value(json_object_get(json_object_get(j, "signals"), "SEGV")) == 4,
	    "%s", said);
	UNIT_CHECK("... and buckets where they are asked for", json_integer_value(json_array_get(
	    json_object_get(json_object_get(json_object_get(j, "histograms"), "spawn"), "buckets"),
	    2)) == 1, "%s", said);
	free(said);
	json_decref(j);
	j = stats_event_json(&e);
	said = json_dumps(j, 0);
	UNIT_CHECK("an exit by a signal has a signal and no status",
	    strcmp(json_string_value(json_object_get(j, "signal")), "TERM") == 0 &&
	    json_is_null(json_object_get(j, "status")) &&
	    strcmp(json_string_value(json_object_get(j, "cause")), "idle") == 0 &&
	    json_is_null(json_object_get(j, "reason")), "%s", said);
	free(said);
	json_decref(j);
}

int
main(void)
{
	test_check();
	test_layout();
	test_settle();
	test_ring();
	test_json();
	return unit_done();
}
