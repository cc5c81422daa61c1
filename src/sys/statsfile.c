#include "statsfile.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

#define STEP 16		/* slots that are allocated at once */

struct statsfile {
	struct stats stats;
	void *base;
	int fd;			/* -1: anonymous */
	char *path;		/* owned; NULL: anonymous */
	size_t hint;		/* where the next slot is probably found: services come in the order of their names */
	size_t unclaimed;	/* slots of the berthd before that no service has taken yet */
};

/* ---- opening ---- */

/* Nobody else can write it, or has another name for it. */
static bool
is_own(int fd, struct stat *st, struct diag *why)
{
	if (fstat(fd, st) < 0)
		diag_set(why, "%s", strerror(errno));
	else if (!S_ISREG(st->st_mode))
		diag_set(why, "is not a regular file");
	else if (st->st_uid != geteuid() || (st->st_mode & 022) != 0 || st->st_nlink != 1)
		diag_set(why, "could have been written by others");
	else
		return true;
	return false;
}

/* Who might read it for the berthd before may no longer; and each of its pages is there, in a copy with holes too. */
static int
make_ours(int fd, off_t size)
{
	return fchmod(fd, 0600) < 0 ? errno : posix_fallocate(fd, 0, size);
}

static bool
is_usable(int fd, struct diag *why)
{
	struct stats_head head = { 0 };
	struct stat st;
	int error;

	if (!is_own(fd, &st, why))
		return false;
	if (pread(fd, &head, sizeof(head), 0) < 0) {
		diag_set(why, "%s", strerror(errno));
		return false;
	}
	if (!stats_check(&head, (size_t)st.st_size, why))
		return false;
	if ((error = make_ours(fd, st.st_size)) != 0)
		diag_set(why, "%s", strerror(error));
	return error == 0;
}

static int
create(const char *path, struct diag *why)
{
	int error, fd;

	if (unlink(path) < 0 && errno != ENOENT) {
		diag_set(why, "%s: %s", path, strerror(errno));
		return -1;
	}
	fd = fd_high(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (fd < 0) {
		diag_set(why, "%s: %s", path, strerror(errno));
		return -1;
	}
	error = posix_fallocate(fd, 0, (off_t)stats_bytes(STEP));
	if (error == 0)
		return fd;
	diag_set(why, "%s: %s", path, strerror(error));
	close(fd);
	unlink(path);
	return -1;
}

/* The whole that there can be is mapped at once, so that slots stay where they are; what is beyond the file is not touched. */
static struct statsfile *
map(int fd, size_t room)
{
	struct statsfile *f = calloc(1, sizeof(*f));
	size_t bytes = stats_bytes(STATS_SLOTS);
	int flags = fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;

	if (f == NULL)
		return NULL;
	f->fd = fd;
	f->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (f->base == MAP_FAILED) {
		free(f);
		return NULL;
	}
	madvise(f->base, bytes, MADV_DONTFORK);
	f->stats = stats_parts(f->base, room);
	return f;
}

struct statsfile *
statsfile_open(const char *path, struct diag *note, struct diag *why)
{
	int fd = fd_high(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
	bool fresh = false;
	struct statsfile *f;
	struct diag reason = { 0 };
	struct stat st;

	note->text[0] = '\0';
	if (fd < 0 && errno != ENOENT)
		diag_set(note, "%s: %s", path, strerror(errno));
	if (fd >= 0 && !is_usable(fd, &reason)) {
		diag_set(note, "%s: %s", path, reason.text);
		fd_close(&fd);
	}
	if (fd < 0) {
		fresh = true;
		fd = create(path, why);
	}
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 ||
	    (f = map(fd, ((size_t)st.st_size - stats_bytes(0)) / sizeof(struct stats_slot))) == NULL) {
		diag_set(why, "%s: %s", path, strerror(errno));
		close(fd);
		return NULL;
	}
	if (f->stats.room > STATS_SLOTS)
		f->stats.room = STATS_SLOTS;
	f->path = strdup(path);
	assert(f->path != NULL);
	if (fresh)
		stats_init(f->stats.head);
	f->stats.head->generation++;
	for (size_t i = 0; i < f->stats.head->slots; i++)
		f->unclaimed += f->stats.slot[i].generation != 0;
	return f;
}

struct statsfile *
statsfile_anonymous(void)
{
	struct statsfile *f = map(-1, STATS_SLOTS);

	assert(f != NULL);
	stats_init(f->stats.head);
	f->stats.head->generation = 1;
	return f;
}

void
statsfile_close(struct statsfile *f)
{
	if (f == NULL)
		return;
	munmap(f->base, stats_bytes(STATS_SLOTS));
	fd_close(&f->fd);
	free(f->path);
	free(f);
}

struct stats *
statsfile_stats(struct statsfile *f)
{
	return &f->stats;
}

const char *
statsfile_path(const struct statsfile *f)
{
	return f->path;
}

bool
statsfile_set_group(struct statsfile *f, gid_t gid)
{
	return f->fd < 0 || (fchown(f->fd, (uid_t)-1, gid) == 0 && fchmod(f->fd, 0640) == 0);
}

/* ---- slots ---- */

static struct stats_slot *
find(struct statsfile *f, const char *name)
{
	size_t n = f->unclaimed > 0 ? f->stats.head->slots : 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = (f->hint + i) % n;
		struct stats_slot *s = &f->stats.slot[at];

		if (s->generation != 0 && strcmp(s->name, name) == 0) {
			f->hint = at + 1;
			f->unclaimed -= s->generation != f->stats.head->generation;
			return s;
		}
	}
	return NULL;
}

/* One more slot at the end; NULL: there is no room. */
static struct stats_slot *
append(struct statsfile *f)
{
	struct stats_head *h = f->stats.head;
	size_t room = f->stats.room + STEP;

	if (h->slots >= STATS_SLOTS)
		return NULL;
	if (h->slots >= f->stats.room) {
		if (posix_fallocate(f->fd, 0, (off_t)stats_bytes(room)) != 0)
			return NULL;
		f->stats.room = room;
	}
	return &f->stats.slot[h->slots++];
}

static struct stats_slot *
find_free(struct statsfile *f)
{
	for (size_t i = 0; i < f->stats.head->slots; i++)
		if (f->stats.slot[i].generation == 0)
			return &f->stats.slot[i];
	return append(f);
}

struct stats_slot *
statsfile_take(struct statsfile *f, const char *name, bool *full)
{
	struct stats_slot *s = find(f, name);

	*full = false;
	/* free ones are looked for when the file would have to grow, so that a start with many services is no search */
	if (s == NULL && f->stats.head->slots < f->stats.room)
		s = append(f);
	if (s == NULL)
		s = find_free(f);
	if (s == NULL) {
		*full = true;
		s = calloc(1, sizeof(*s));
		assert(s != NULL);
	}
	/* a berthd that was killed while it cleared it has left a part */
	if (s->generation == 0)
		memset(s, 0, sizeof(*s));
	strlcpy(s->name, name, sizeof(s->name));
	s->generation = f->stats.head->generation;
	return s;
}

static bool
is_in_file(const struct statsfile *f, const struct stats_slot *s)
{
	return s >= f->stats.slot && s < f->stats.slot + STATS_SLOTS;
}

void
statsfile_give(struct statsfile *f, struct stats_slot *s)
{
	if (is_in_file(f, s))
		memset(s, 0, sizeof(*s));
	else
		free(s);
}

void
statsfile_leave(struct statsfile *f, struct stats_slot *s)
{
	if (!is_in_file(f, s))
		free(s);
}

void
statsfile_sweep(struct statsfile *f)
{
	for (size_t i = 0; i < f->stats.head->slots; i++) {
		struct stats_slot *s = &f->stats.slot[i];

		if (s->generation != 0 && s->generation != f->stats.head->generation)
			statsfile_give(f, s);
	}
	f->unclaimed = 0;
}

/* ---- reading ---- */

static bool
read_all(int fd, char *buf, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, buf + done, bytes - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

bool
statsfile_read(const char *path, struct stats *copy, struct diag *why)
{
	int fd = fd_high(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
	struct stats_head head = { 0 };
	struct diag reason;
	struct stat st;
	char *all;
	int error;

	if (fd < 0 || fstat(fd, &st) < 0 || pread(fd, &head, sizeof(head), 0) < 0) {
		error = errno;
		diag_set(why, "%s: %s", path, strerror(error));
		fd_close(&fd);
		errno = error;
		return false;
	}
	if (!S_ISREG(st.st_mode) || !stats_check(&head, (size_t)st.st_size, &reason)) {
		diag_set(why, "%s: %s", path, S_ISREG(st.st_mode) ? reason.text : "is not a regular file");
		fd_close(&fd);
		return false;
	}
	/* as many slots as there were a moment ago */
	all = malloc(stats_bytes(head.slots));
	assert(all != NULL);
	if (!read_all(fd, all, stats_bytes(head.slots))) {
		diag_set(why, "%s: %s", path, "is shorter than it says");
		free(all);
		fd_close(&fd);
		return false;
	}
	fd_close(&fd);
	*copy = stats_parts(all, head.slots);
	copy->head->slots = head.slots;
	return true;
}

void
statsfile_free_copy(struct stats *copy)
{
	free(copy->head);
	*copy = (struct stats){ 0 };
}
