#include "dirwatch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"

#define DIR_EVENTS                                                                          \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB | \
	    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define ANCESTOR_EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define LINKS_MAX 40
#define FILE_EVENTS (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

/*
 * One inode has one watch descriptor, whatever it is watched for: as a directory of services, as a
 * file, or as the ancestor of things that are awaited by name.
 */
struct watch {
	int wd;
	bool fresh;		/* named since dirwatch_begin() */
	char *dir;		/* owned: everything in it, or the file itself; NULL: only the names */
	char **name;		/* owned: awaited in it */
	size_t names;
};

struct dirwatch {
	int fd;
	struct loop_source *source;
	dirwatch_changed *changed;
	void *arg;
	struct watch *watch;
	size_t count, room;
};

static struct watch *
find(struct dirwatch *w, int wd)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->watch[i].wd == wd)
			return &w->watch[i];
	return NULL;
}

/*
 * A regular file that was just created is being written: its IN_CLOSE_WRITE follows.  Links
 * (symbolic, or hard: nlink above 1) are complete at once.
 */
static bool
is_half_written(const char *dir, const struct inotify_event *e)
{
	char path[PATH_MAX];
	struct stat st;

	if (!(e->mask & IN_CREATE) || e->len == 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s", dir, e->name);
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static bool
is_news(struct dirwatch *w, const struct inotify_event *e)
{
	const struct watch *at;

	if (e->mask & IN_Q_OVERFLOW)
		return true;
	if ((e->mask & IN_IGNORED) || (at = find(w, e->wd)) == NULL)
		return false;
	if (e->len == 0 || (at->dir != NULL && !is_half_written(at->dir, e)))
		return true;
	for (size_t i = 0; i < at->names; i++)
		if (strcmp(e->name, at->name[i]) == 0)
			return true;
	return false;
}

static void
watch_ready(void *arg, uint32_t events)
{
	char buf[16384] __attribute__((aligned(8)));
	struct dirwatch *w = arg;
	bool news = false;
	ssize_t n;

	(void)events;
	while ((n = read(w->fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)p;

			news = is_news(w, e) || news;
			p += sizeof(*e) + e->len;
		}
	}
	if (news)
		w->changed(w->arg);
}

struct dirwatch *
dirwatch_new(struct loop *l, dirwatch_changed *changed, void *arg)
{
	struct dirwatch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	*w = (struct dirwatch){ .changed = changed, .arg = arg };
	if ((w->fd = fd_high(inotify_init1(IN_CLOEXEC | IN_NONBLOCK))) < 0 ||
	    (w->source = loop_add(l, w->fd, EPOLLIN, watch_ready, w)) == NULL) {
		fd_close(&w->fd);
		free(w);
		return NULL;
	}
	return w;
}

static void
watch_clear(struct watch *at)
{
	for (size_t i = 0; i < at->names; i++)
		free(at->name[i]);
	free(at->name);
	free(at->dir);
	at->name = NULL;
	at->names = 0;
	at->dir = NULL;
}

void
dirwatch_free(struct dirwatch *w)
{
	if (w == NULL)
		return;
	loop_remove(w->source);
	fd_close(&w->fd);
	for (size_t i = 0; i < w->count; i++)
		watch_clear(&w->watch[i]);
	free(w->watch);
	free(w);
}

void
dirwatch_begin(struct dirwatch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++)
		w->watch[i].fresh = false;
}

static struct watch *
find_or_add(struct dirwatch *w, int wd)
{
	struct watch *at = find(w, wd), *more;
	size_t room = w->room ? w->room * 2 : 8;

	if (at != NULL)
		return at;
	if (w->count == w->room) {
		if ((more = reallocarray(w->watch, room, sizeof(*more))) == NULL)
			return NULL;
		w->watch = more;
		w->room = room;
	}
	at = &w->watch[w->count++];
	*at = (struct watch){ .wd = wd };
	return at;
}

static bool
add_name(struct watch *at, const char *name)
{
	char **more = reallocarray(at->name, at->names + 1, sizeof(*more));

	if (more == NULL)
		return false;
	at->name = more;
	return (at->name[at->names] = strdup(name)) != NULL && ++at->names > 0;
}

/*
 * Returns 0 or an errno.  IN_MASK_ADD: what the inode is watched for already stays.  name: awaited in
 * path; NULL: path itself and all in it.
 */
static int
add(struct dirwatch *w, const char *path, uint32_t events, const char *name)
{
	int wd = inotify_add_watch(w->fd, path, events | IN_MASK_ADD);
	struct watch *at;

	if (wd < 0)
		return errno;
	if ((at = find_or_add(w, wd)) == NULL)
		return ENOMEM;
	if (!at->fresh)
		watch_clear(at);
	at->fresh = true;
	if (name != NULL)
		return add_name(at, name) ? 0 : ENOMEM;
	if (at->dir == NULL)
		at->dir = strdup(path);
	return at->dir != NULL ? 0 : ENOMEM;
}

/* The nearest ancestor that exists, and the name in it that would bring `dir` closer. */
static int
add_ancestor(struct dirwatch *w, const char *dir)
{
	char path[PATH_MAX], name[NAME_MAX + 1], *slash;
	struct stat st;

	if (strlcpy(path, dir, sizeof(path)) >= sizeof(path))
		return ENAMETOOLONG;
	while ((slash = strrchr(path, '/')) != NULL) {
		snprintf(name, sizeof(name), "%.*s", NAME_MAX, slash + 1);
		*slash = '\0';
		if (name[0] != '\0' && stat(path[0] ? path : "/", &st) == 0)
			return add(w, path[0] ? path : "/", ANCESTOR_EVENTS, name);
	}
	return ENOENT;
}

int
dirwatch_dir(struct dirwatch *w, const char *dir)
{
	struct stat st;
	int error;

	if (w == NULL)
		return 0;
	for (int tries = 0; tries < 8; tries++) {
		if ((error = add(w, dir, DIR_EVENTS, NULL)) != ENOENT)
			return error;
		error = add_ancestor(w, dir);
		/* made between the two looks: the first can be had after all */
		if (error != 0 || stat(dir, &st) < 0)
			return error;
	}
	return ENOENT;
}

/* Where a symbolic link leads, one step: in place.  False when it is none. */
static bool
follow(char path[PATH_MAX])
{
	char text[PATH_MAX], next[PATH_MAX];
	char *slash = strrchr(path, '/');
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	int len;

	if (n <= 0 || slash == NULL)
		return false;
	text[n] = '\0';
	len = text[0] == '/' ? snprintf(next, sizeof(next), "%s", text)
			     : snprintf(next, sizeof(next), "%.*s/%s", (int)(slash - path), path, text);
	if (len < 0 || len >= (int)sizeof(next))
		return false;
	memcpy(path, next, (size_t)len + 1);
	return true;
}

void
dirwatch_file(struct dirwatch *w, const char *path)
{
	char at[PATH_MAX];

	if (w == NULL || add(w, path, FILE_EVENTS, NULL) != ENOENT)
		return;
	/* it leads nowhere yet: wait for each step of the way */
	strlcpy(at, path, sizeof(at));
	for (int i = 0; i < LINKS_MAX && follow(at); i++)
		add_ancestor(w, at);
}

void
dirwatch_end(struct dirwatch *w)
{
	size_t kept = 0;

	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++) {
		if (w->watch[i].fresh) {
			w->watch[kept++] = w->watch[i];
			continue;
		}
		inotify_rm_watch(w->fd, w->watch[i].wd);
		watch_clear(&w->watch[i]);
	}
	w->count = kept;
}
