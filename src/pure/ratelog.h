/*
 * ratelog - say it a few times, then only count
 *
 * A window of log lines: the first `burst` lines of a window of `window_ns` are written, the rest
 * is counted, and the count is handed out when the window is over.
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

/* When a summary is due although nothing more comes: the end of the window, or 0 for never. */
int64_t ratelog_due_ns(const struct ratelog *r, int64_t window_ns);

/* Take the number of lines held, and start anew. */
uint64_t ratelog_take(struct ratelog *r);

#endif
