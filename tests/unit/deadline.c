#include "../../src/pure/deadline.h"

#include <inttypes.h>

#include "unit.h"

#define S INT64_C(1000000000)
#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static const char *const words[] = { "none", "idle", "first_byte" };

int
main(void)
{
	/* age, idle, received; timeouts: idle, first_byte */
	static const struct {
		const char *label;
		struct victim_look look;
		int64_t idle_ns, first_byte_ns;
		enum deadline want;
		int64_t want_next;
	} rows[] = {
		{ "no timeouts: never again", { .age_ns = 900 * S, .idle_ns = 900 * S, .known = true }, 0,
		    0, DEADLINE_NONE, 0 },
		{ "idle: what is left of it", { .age_ns = 9 * S, .idle_ns = 2 * S, .received = 1,
		    .known = true }, 5 * S, 0, DEADLINE_NONE, 3 * S },
		{ "a nanosecond before", { .age_ns = 9 * S, .idle_ns = 5 * S - 1, .received = 1,
		    .known = true }, 5 * S, 0, DEADLINE_NONE, 1 },
		{ "idle for as long as it says", { .age_ns = 9 * S, .idle_ns = 5 * S, .received = 1,
		    .known = true }, 5 * S, 0, DEADLINE_IDLE, 0 },
		{ "and longer", { .age_ns = 99 * S, .idle_ns = 50 * S, .received = 1, .known = true },
		    5 * S, 0, DEADLINE_IDLE, 0 },
		{ "it is a hard end: a handler at work does not matter", { .age_ns = 99 * S,
		    .idle_ns = 50 * S, .received = 1, .unread = 9, .unsent = 9, .unacked = 9,
		    .waits = false, .known = true }, 5 * S, 0, DEADLINE_IDLE, 0 },
		{ "an old connection that is not idle", { .age_ns = 999 * S, .idle_ns = 0, .received = 1,
		    .known = true }, 5 * S, 0, DEADLINE_NONE, 5 * S },
		{ "a silent client is idle too", { .age_ns = 5 * S, .idle_ns = 5 * S, .known = true },
		    5 * S, 0, DEADLINE_IDLE, 0 },
		{ "first_byte: what is left of it", { .age_ns = 4 * S, .idle_ns = 4 * S, .known = true },
		    0, 10 * S, DEADLINE_NONE, 6 * S },
		{ "it counts from the accept, whatever the handler says", { .age_ns = 10 * S,
		    .idle_ns = 0, .acked = 500, .known = true }, 0, 10 * S, DEADLINE_FIRST_BYTE, 0 },
		{ "a nanosecond before its end", { .age_ns = 10 * S - 1, .idle_ns = 0, .known = true },
		    0, 10 * S, DEADLINE_NONE, 1 },
		{ "after the first byte it is over for good", { .age_ns = 99 * S, .idle_ns = 50 * S,
		    .received = 1, .known = true }, 0, 10 * S, DEADLINE_NONE, 0 },
		{ "a byte that nobody has read is one", { .age_ns = 99 * S, .idle_ns = 50 * S,
		    .received = 1, .unread = 1, .known = true }, 0, 10 * S, DEADLINE_NONE, 0 },
		{ "of two, the earlier: first_byte", { .age_ns = 4 * S, .idle_ns = 1 * S,
		    .known = true }, 10 * S, 10 * S, DEADLINE_NONE, 6 * S },
		{ "the earlier: idle", { .age_ns = 4 * S, .idle_ns = 4 * S, .known = true }, 5 * S,
		    10 * S, DEADLINE_NONE, 1 * S },
		{ "after the first byte only idle", { .age_ns = 4 * S, .idle_ns = 1 * S, .received = 1,
		    .known = true }, 10 * S, 5 * S, DEADLINE_NONE, 9 * S },
		{ "both due: the client that never sent anything is that", { .age_ns = 20 * S,
		    .idle_ns = 20 * S, .known = true }, 10 * S, 10 * S, DEADLINE_FIRST_BYTE, 0 },
		{ "closed, and its handler lives on: idle since it last moved", { .age_ns = 99 * S,
		    .idle_ns = 50 * S, .closed = true }, 5 * S, 0, DEADLINE_IDLE, 0 },
		{ "before that its time goes on", { .age_ns = 99 * S, .idle_ns = 2 * S,
		    .closed = true }, 5 * S, 0, DEADLINE_NONE, 3 * S },
		{ "and nobody says of it that it has sent nothing", { .age_ns = 99 * S,
		    .idle_ns = 50 * S, .closed = true }, 0, 10 * S, DEADLINE_NONE, 0 },
		{ "what cannot be looked at for another reason is not ended: again after that time",
		    { .age_ns = 99 * S, .idle_ns = 50 * S }, 5 * S, 0, DEADLINE_NONE, 5 * S },
		{ "nor by first_byte", { .age_ns = 99 * S, .idle_ns = 99 * S }, 0, 10 * S,
		    DEADLINE_NONE, 10 * S },
		{ "nor ever without timeouts", { .age_ns = 99 * S, .idle_ns = 99 * S }, 0, 0,
		    DEADLINE_NONE, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t next = -1;
		enum deadline got =
		    deadline_check(&rows[i].look, rows[i].idle_ns, rows[i].first_byte_ns, &next);

		UNIT_CHECK(rows[i].label, got == rows[i].want && next == rows[i].want_next,
		    "got %s, next in %" PRId64 ", want %s, next in %" PRId64, words[got], next,
		    words[rows[i].want], rows[i].want_next);
	}
	return unit_done();
}
