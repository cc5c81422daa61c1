/*
 * loop - everything that can be ready is an fd in one epoll; one timerfd over a heap
 *
 * One clock read a turn: loop_now() is CLOCK_MONOTONIC in nanoseconds as of the return of
 * epoll_wait(2), the same for all callbacks of the turn.  Removing a source or a timer inside any callback,
 * its own included, is legal: memory is freed after the batch.  No timer ticks when nothing is due.
 */
#ifndef BERTH_LOOP_H
#define BERTH_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_source;

/* events: EPOLLIN, EPOLLOUT, ... as epoll_ctl(2) reports them. */
typedef void loop_ready(void *arg, uint32_t events);
typedef void loop_due(void *arg);

/* NULL and errno on failure. */
struct loop *loop_new(void);
void loop_free(struct loop *l);

/* Time of this turn, CLOCK_MONOTONIC, nanoseconds. */
int64_t loop_now(const struct loop *l);

/* The same clock right now, to measure what is done within a turn; decisions go by loop_now(). */
int64_t loop_clock(void);

/*
 * Watch fd.  The fd stays the caller's: remove the source before closing it
 * (a registration outlives close(2) while another process holds the description).
 * events may be 0 (known, not watched), and may have EPOLLET.  NULL and errno on failure.
 */
struct loop_source *loop_add(struct loop *l, int fd, uint32_t events, loop_ready *ready, void *arg);

/* Change what is watched; false and errno on failure. */
bool loop_watch(struct loop_source *s, uint32_t events);

/* Forget; NULL is harmless. */
void loop_remove(struct loop_source *s);

/*
 * Forget the source of an fd that the caller closes next and that no other process keeps: closing ends
 * the registration, so that it costs no system call of its own.
 */
void loop_drop(struct loop_source *s);

/*
 * A timer is a member of its owner's struct; zeroed means not armed.  Arming an armed timer moves it.
 */
struct loop_timer {
	struct loop *loop;
	size_t slot;		/* place in the heap plus one; 0: not armed */
	int64_t due_ns;
	loop_due *due;
	void *arg;
};

/* due_ns on the clock of loop_now(); a time in the past is due at the end of this turn, or in the next. */
void loop_arm(struct loop *l, struct loop_timer *t, int64_t due_ns, loop_due *due, void *arg);
void loop_disarm(struct loop_timer *t);
static inline bool loop_armed(const struct loop_timer *t) { return t->slot != 0; }

/* Called once a turn, after all callbacks: returns true when it wants the next turn at once. */
typedef bool loop_turn(void *arg);
void loop_set_turn(struct loop *l, loop_turn *turn, void *arg);

/* Turn until loop_stop().  Returns 0, or -1 and errno when epoll itself fails. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
