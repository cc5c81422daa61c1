/*
 * The event loop: epoll(7), one timerfd_create(2) over a binary heap, deferred free.
 */
#include "loop.h"

#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/timerfd.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

#define BATCH 128
#define SOON_NS 1000000000LL
#define TIMER_EVENT UINT64_MAX

/*
 * epoll's data is not a pointer but a place in a table and its generation: a registration that
 * outlived its source (a fork had a copy of the fd) is then recognised and passed over.
 */
struct loop_source {
	struct loop *loop;
	uint32_t place, generation;
	int fd;			/* borrowed; -1: removed */
	loop_ready *ready;
	void *arg;
	SLIST_ENTRY(loop_source) dead;
};

struct loop {
	int epfd, timerfd;
	struct loop_source **place;	/* NULL: free */
	uint32_t *generation;		/* of the source that is or was there last */
	uint32_t *free_places;
	uint32_t places, nfree;
	int64_t now_ns;
	int64_t armed_ns;	/* what the timerfd is set to; 0: nothing */
	struct loop_timer **heap;
	size_t count, room;
	loop_turn *turn;
	void *turn_arg;
	bool stopped, in_timers;
	SLIST_HEAD(, loop_source) dead;
};

int64_t
loop_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN };

	if (l == NULL)
		return NULL;
	l->timerfd = -1;
	if ((l->epfd = fd_high(epoll_create1(EPOLL_CLOEXEC))) < 0)
		goto fail;
	if ((l->timerfd = fd_high(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK))) < 0)
		goto fail;
	ev.data.u64 = TIMER_EVENT;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->timerfd, &ev) < 0)
		goto fail;
	SLIST_INIT(&l->dead);
	l->now_ns = loop_clock();
	return l;
fail:
	loop_free(l);
	return NULL;
}

static void
bury(struct loop *l)
{
	struct loop_source *s;

	while ((s = SLIST_FIRST(&l->dead)) != NULL) {
		SLIST_REMOVE_HEAD(&l->dead, dead);
		free(s);
	}
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	bury(l);
	fd_close(&l->timerfd);
	fd_close(&l->epfd);
	free(l->heap);
	free(l->place);
	free(l->generation);
	free(l->free_places);
	free(l);
}

int64_t
loop_now(const struct loop *l)
{
	return l->now_ns;
}

static bool
more_places(struct loop *l)
{
	uint32_t n = l->places ? l->places * 2 : 64;
	struct loop_source **place = reallocarray(l->place, n, sizeof(*place));
	uint32_t *generation, *free_places;

	if (place != NULL)
		l->place = place;
	generation = reallocarray(l->generation, n, sizeof(*generation));
	if (generation != NULL)
		l->generation = generation;
	free_places = reallocarray(l->free_places, n, sizeof(*free_places));
	if (free_places != NULL)
		l->free_places = free_places;
	if (place == NULL || generation == NULL || free_places == NULL)
		return false;
	for (uint32_t i = n; i-- > l->places;) {
		place[i] = NULL;
		generation[i] = 0;
		free_places[l->nfree++] = i;
	}
	l->places = n;
	return true;
}

static uint64_t
event_data(const struct loop_source *s)
{
	return (uint64_t)s->generation << 32 | s->place;
}

/* The source that an event is for; NULL: it is gone. */
static struct loop_source *
event_source(const struct loop *l, uint64_t data)
{
	uint32_t place = (uint32_t)data;
	struct loop_source *s = place < l->places ? l->place[place] : NULL;

	return s != NULL && s->generation == data >> 32 ? s : NULL;
}

struct loop_source *
loop_add(struct loop *l, int fd, uint32_t events, loop_ready *ready, void *arg)
{
	struct epoll_event ev = { .events = events };
	struct loop_source *s;

	if ((l->nfree == 0 && !more_places(l)) || (s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	*s = (struct loop_source){ .loop = l, .fd = fd, .ready = ready, .arg = arg };
	s->place = l->free_places[l->nfree - 1];
	s->generation = ++l->generation[s->place];
	ev.data.u64 = event_data(s);
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(s);
		return NULL;
	}
	l->nfree--;
	l->place[s->place] = s;
	return s;
}

bool
loop_watch(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = event_data(s) };

	return epoll_ctl(s->loop->epfd, EPOLL_CTL_MOD, s->fd, &ev) == 0;
}

void
loop_remove(struct loop_source *s)
{
	if (s == NULL)
		return;
	epoll_ctl(s->loop->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	loop_drop(s);
}

void
loop_drop(struct loop_source *s)
{
	struct loop *l;

	if (s == NULL)
		return;
	l = s->loop;
	assert(s->fd >= 0 && l->place[s->place] == s);
	s->fd = -1;
	l->place[s->place] = NULL;
	l->free_places[l->nfree++] = s->place;
	SLIST_INSERT_HEAD(&l->dead, s, dead);
}

/* ---- timers: a binary heap of pointers, each timer knows its slot ---- */

static void
heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
	l->heap[i] = t;
	t->slot = i + 1;
}

static void
heap_up(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];

	for (; i > 0 && l->heap[(i - 1) / 2]->due_ns > t->due_ns; i = (i - 1) / 2)
		heap_put(l, i, l->heap[(i - 1) / 2]);
	heap_put(l, i, t);
}

static void
heap_down(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];
	size_t c;

	for (; (c = 2 * i + 1) < l->count; i = c) {
		if (c + 1 < l->count && l->heap[c + 1]->due_ns < l->heap[c]->due_ns)
			c++;
		if (l->heap[c]->due_ns >= t->due_ns)
			break;
		heap_put(l, i, l->heap[c]);
	}
	heap_put(l, i, t);
}

void
loop_arm(struct loop *l, struct loop_timer *t, int64_t due_ns, loop_due *due, void *arg)
{
	loop_disarm(t);
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct loop_timer **heap = reallocarray(l->heap, room, sizeof(*heap));

		assert(heap != NULL);
		l->heap = heap;
		l->room = room;
	}
	/* what is armed by a timer's callback is not due in the same pass: it could go on for ever */
	if (l->in_timers && due_ns <= l->now_ns)
		due_ns = l->now_ns + 1;
	*t = (struct loop_timer){ .loop = l, .due_ns = due_ns, .due = due, .arg = arg };
	l->heap[l->count++] = t;
	heap_up(l, l->count - 1);
}

void
loop_disarm(struct loop_timer *t)
{
	struct loop *l = t->loop;
	size_t i = t->slot;
	struct loop_timer *last;

	if (i-- == 0)
		return;
	assert(i < l->count && l->heap[i] == t);
	t->slot = 0;
	last = l->heap[--l->count];
	if (last == t)
		return;
	heap_put(l, i, last);
	heap_up(l, i);
	heap_down(l, last->slot - 1);
}

static void
run_due(struct loop *l)
{
	l->in_timers = true;
	while (l->count > 0 && l->heap[0]->due_ns <= l->now_ns) {
		struct loop_timer *t = l->heap[0];

		loop_disarm(t);
		t->due(t->arg);
	}
	l->in_timers = false;
}

/*
 * The timerfd follows the earliest timer.  Where that was disarmed and would have been due soon, the
 * timerfd stays as it is: one early wake-up is no dearer than the call that saves it.
 */
static void
set_timerfd(struct loop *l)
{
	int64_t due = l->count > 0 ? l->heap[0]->due_ns : 0;
	bool later = due == 0 || due > l->armed_ns;
	struct itimerspec it = { 0 };

	if (due == l->armed_ns)
		return;
	if (later && l->armed_ns > l->now_ns && l->armed_ns - l->now_ns < SOON_NS)
		return;
	it.it_value.tv_sec = due / 1000000000;
	it.it_value.tv_nsec = due % 1000000000;
	timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &it, NULL);
	l->armed_ns = due;
}

static void
timer_ready(struct loop *l)
{
	uint64_t n;

	if (read(l->timerfd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		l->armed_ns = 0;
}

void
loop_set_turn(struct loop *l, loop_turn *turn, void *arg)
{
	l->turn = turn;
	l->turn_arg = arg;
}

int
loop_run(struct loop *l)
{
	struct epoll_event ev[BATCH];
	bool again = l->turn != NULL && l->turn(l->turn_arg);

	for (l->stopped = false; !l->stopped;) {
		int n;

		set_timerfd(l);
		n = epoll_wait(l->epfd, ev, BATCH, again ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return -1;
		l->now_ns = loop_clock();
		for (int i = 0; i < n; i++) {
			struct loop_source *s = event_source(l, ev[i].data.u64);

			if (ev[i].data.u64 == TIMER_EVENT)
				timer_ready(l);
			else if (s != NULL)
				s->ready(s->arg, ev[i].events);
		}
		run_due(l);
		again = l->turn != NULL && l->turn(l->turn_arg);
		bury(l);
	}
	return 0;
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
}
