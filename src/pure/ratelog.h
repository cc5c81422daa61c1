/*
 * ratelog - say it a few times, then only count
 *
 * A window of log lines: the first `burst` lines of a window of `window_ns` are written, the rest
 * is counted, and the count is handed out when the window is over.  So with ratelog_allow().
 *
 * With ratelog_begins() only the first line of all is written, until a window has passed without any: however long they
 * keep coming, there is one line a window at most, and from the second window on that is the count.
 *
 * Nothing that was counted is lost but by the caller's forgetting to take it.
 */
#ifndef BERTH_RATELOG_H
#define BERTH_RATELOG_H

#include <stdbool.h>
#include <stdint.h>

struct ratelog {
	int64_t window_start_ns;	/* 0: no window yet */
	uint32_t said;			/* lines written in this window */
	uint64_t held;			/* lines counted, not written */
};

/*
 * May this line be written?  false: it was counted.  When a window has ended with lines held, *summary gets
 * their number (else 0) and the count starts anew: the caller writes the summary first.
 */
bool ratelog_allow(struct ratelog *r, uint32_t burst, int64_t window_ns, int64_t now_ns,
    uint64_t *summary);

/*
 * May this line be written, as the first after a window without any?  false: it was counted.  The count is handed out by
 * ratelog_roll() at ratelog_due_ns(); as long as nobody asks for it the window goes on.
 */
bool ratelog_begins(struct ratelog *r, int64_t window_ns, int64_t now_ns);

/* Take the number of lines held since window_start_ns; the next window begins now. */
uint64_t ratelog_roll(struct ratelog *r, int64_t now_ns);

/* When a summary is due although nothing more comes: the end of the window, or 0 for never. */
int64_t ratelog_due_ns(const struct ratelog *r, int64_t window_ns);

/* Take the number of lines held, and start anew. */
uint64_t ratelog_take(struct ratelog *r);

#endif
