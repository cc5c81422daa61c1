#include "scan.h"

#include <sys/stat.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/conffile.h"

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct scan_file *)a)->name, ((const struct scan_file *)b)->name);
}

static void
file_fini(struct scan_file *f)
{
	free(f->name);
	free(f->path);
	spec_release(f->service);
	diag_list_free(&f->errors);
}

void
scan_fini(struct scan *s)
{
	for (size_t i = 0; i < s->count; i++)
		file_fini(&s->file[i]);
	free(s->file);
	diag_list_free(&s->errors);
	*s = (struct scan){ 0 };
}

static struct scan_file *
push(struct scan *s)
{
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 32;
		s->file = reallocarray(s->file, s->room, sizeof(*s->file));
		assert(s->file != NULL);
	}
	s->file[s->count] = (struct scan_file){ 0 };
	return &s->file[s->count++];
}

static bool
is_mask(const char *path)
{
	char target[16];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return strcmp(target, "/dev/null") == 0;
}

static bool
is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static bool
unchanged(const struct scan_file *f, const char *path)
{
	struct stat st;

	return strcmp(f->path, path) == 0 && f->ino != 0 && stat(path, &st) == 0 &&
	    st.st_dev == f->dev && st.st_ino == f->ino && st.st_size == f->size &&
	    st.st_mtim.tv_sec == f->mtime.tv_sec && st.st_mtim.tv_nsec == f->mtime.tv_nsec &&
	    st.st_ctim.tv_sec == f->ctime.tv_sec && st.st_ctim.tv_nsec == f->ctime.tv_nsec;
}

static struct scan_file *
find(const struct scan *s, char *name)
{
	struct scan_file key = { .name = name };

	if (s == NULL || s->count == 0)
		return NULL;
	return bsearch(&key, s->file, s->count, sizeof(key), by_name);
}

static void
read_file(struct scan_file *f, const struct spec_context *ctx)
{
	struct conffile c;
	struct diag why;

	f->fresh = true;
	if (!conffile_read(f->path, ctx->root, &c, &why)) {
		f->ino = 0;
		diag_list_add(&f->errors, "%s: %s", f->path, why.text);
		return;
	}
	f->dev = c.dev;
	f->ino = c.ino;
	f->size = c.size;
	f->mtime = c.mtime;
	f->ctime = c.ctime;
	f->service = spec_parse(ctx, f->path, f->name, c.text, c.len, &f->errors);
	conffile_fini(&c);
}

static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

/*
 * A directory that is there but must not or cannot be read: what it gave before is bad now, which
 * keeps the last good versions; it is not gone.
 */
static void
keep_bad(struct scan *s, const struct scan *before, const char *dir, const char *why)
{
	diag_list_add(&s->errors, "%s: %s", dir, why);
	for (size_t i = 0; before != NULL && i < before->count; i++) {
		const struct scan_file *old = &before->file[i];
		struct scan_file *f;

		if (!is_below(old->path, dir) || find(s, old->name) != NULL)
			continue;
		f = push(s);
		f->name = strdup(old->name);
		f->path = strdup(old->path);
		assert(f->name != NULL && f->path != NULL);
		f->fresh = true;
		f->unusable = true;
		diag_list_add(&f->errors, "%s: %s", dir, why);
		qsort(s->file, s->count, sizeof(*s->file), by_name);
	}
}

/* Names of one directory that no earlier directory has. */
static void
collect(struct scan *s, const struct scan *before, const char *dir)
{
	DIR *d = opendir(dir);
	size_t earlier = s->count;
	struct dirent *e;
	char why[128];

	if (d == NULL) {
		if (errno == ENOENT)
			return;
		snprintf(why, sizeof(why), "cannot be read: %s", strerror(errno));
		keep_bad(s, before, dir, why);
		return;
	}
	while ((errno = 0, e = readdir(d)) != NULL) {
		char path[PATH_MAX], *name;
		struct scan_file key = { 0 }, *f;

		if (!spec_file_name(e->d_name, &name))
			continue;
		key.name = name;
		if (earlier > 0 &&
		    bsearch(&key, s->file, earlier, sizeof(key), by_name) != NULL) {
			free(name);
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = push(s);
		f->name = name;
		f->path = strdup(path);
		assert(f->path != NULL);
	}
	if (errno != 0) {
		snprintf(why, sizeof(why), "cannot be read to its end: %s", strerror(errno));
		qsort(s->file, s->count, sizeof(*s->file), by_name);
		keep_bad(s, before, dir, why);
	}
	closedir(d);
}

static void
drop_masked(struct scan *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (!s->file[i].unusable && is_mask(s->file[i].path))
			file_fini(&s->file[i]);
		else
			s->file[kept++] = s->file[i];
	}
	s->count = kept;
}

static void
fill(struct scan_file *f, struct scan *before, bool reread, const struct spec_context *ctx)
{
	struct scan_file *old = find(before, f->name);

	if (f->unusable)
		return;
	if (old == NULL || reread || !unchanged(old, f->path)) {
		read_file(f, ctx);
		return;
	}
	f->dev = old->dev;
	f->ino = old->ino;
	f->size = old->size;
	f->mtime = old->mtime;
	f->ctime = old->ctime;
	f->service = old->service;
	old->service = NULL;
	f->errors = old->errors;
	old->errors = (struct diag_list){ 0 };
}

void
scan_directories(struct scan *out, struct scan *before, bool reread,
    const struct spec_context *ctx, char *const *directories, struct dirwatch *watch)
{
	struct diag why;

	*out = (struct scan){ 0 };
	dirwatch_begin(watch);
	for (; directories != NULL && *directories != NULL; directories++) {
		int error = dirwatch_dir(watch, *directories);

		if (error != 0 && error != ENOENT)
			diag_list_add(&out->errors,
			    "%s: changes are not noticed (%s): use berthctl reload", *directories,
			    strerror(error));
		if (!conffile_dir_check(*directories, ctx->root, &why)) {
			keep_bad(out, before, *directories, why.text);
			continue;
		}
		collect(out, before, *directories);
		if (out->count > 0)
			qsort(out->file, out->count, sizeof(*out->file), by_name);
	}
	drop_masked(out);
	for (size_t i = 0; i < out->count; i++) {
		/* first the watch, then the look: no change falls between */
		if (watch != NULL && is_link(out->file[i].path))
			dirwatch_file(watch, out->file[i].path);
		fill(&out->file[i], before, reread, ctx);
	}
	dirwatch_end(watch);
}
