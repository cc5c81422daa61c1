/*
 * berthctl check: what berthd would say of configuration files
 *
 * Nobody is asked but the files and the name service: the same reader, parser and look-ups as in
 * berthd, run by the user who calls.
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pure/spec.h"
#include "../pure/text.h"
#include "../pure/xalloc.h"
#include "../sys/conffile.h"
#include "../sys/identity.h"
#include "../sys/paths.h"
#include "ctl.h"

/* One file. */
struct item {
	char *path;		/* owned */
	struct service *service;/* held; NULL: none, or it was bad */
	struct diag_list errs, remarks;
};

struct check {
	bool root;
	const char *settings_path;
	bool settings_given;	/* with -c: it has to be there */
	struct settings *settings; /* built-in values where there is none or a bad one */
	bool settings_bad;
	struct stat settings_st; /* st_ino 0: there is none */
	char **dirs;		/* of -s; NULL-terminated, strings borrowed */
	size_t ndirs;
	struct item *item;
	size_t nitems;
	struct spec_context ctx;
	struct lookup_table lookups;
};

static struct item *
item_add(struct check *k, const char *path)
{
	/* the items grow at each power of two */
	if ((k->nitems & (k->nitems - 1)) == 0)
		k->item = xreallocarray(k->item, k->nitems > 0 ? k->nitems * 2 : 1,
		    sizeof(*k->item));
	k->item[k->nitems] = (struct item){ .path = xstrdup(path) };
	return &k->item[k->nitems++];
}

static bool
is_settings(const struct check *k, const struct stat *st)
{
	return k->settings_st.st_ino != 0 && st->st_ino == k->settings_st.st_ino &&
	    st->st_dev == k->settings_st.st_dev;
}

/* ---- berth.json ---- */

static void
settings_names(struct check *k)
{
	const struct spec_ident *group = &k->settings->control_group;

	if (group->set && !group->numeric)
		(void)lookup_ask_name(&k->lookups, LOOKUP_GROUP, group->name);
}

/* berth.json is always read: services are made of its defaults.  Not being there is fine. */
static void
settings_read(struct check *k)
{
	struct conffile f;
	struct diag why;
	struct item *item;

	(void)stat(k->settings_path, &k->settings_st);
	if (conffile_read(k->settings_path, k->root, &f, &why)) {
		item = item_add(k, k->settings_path);
		k->settings = settings_parse(item->path, f.text, f.len, &item->errs);
		conffile_fini(&f);
	} else if (errno != ENOENT || k->settings_given) {
		item = item_add(k, k->settings_path);
		diag_list_add(&item->errs, "%s: %s", item->path, why.text);
	}
	if (k->settings == NULL) {
		k->settings = settings_default();
		k->settings_bad = k->nitems > 0;
	}
	k->ctx.defaults = k->settings->defaults;
	settings_names(k);
}

static void
settings_resolve(struct check *k)
{
	const struct spec_ident *group = &k->settings->control_group;
	const struct lookup *l;

	if (!group->set || group->numeric)
		return;
	l = lookup_find_name(&k->lookups, LOOKUP_GROUP, group->name);
	assert(l != NULL && k->nitems > 0);
	if (l->state == LOOKUP_ABSENT)
		diag_list_add(&k->item[0].errs, "%s: control.group: there is no group \"%s\"",
		    k->settings_path, group->name);
	else if (l->state == LOOKUP_FAILED)
		diag_list_add(&k->item[0].errs, "%s: control.group: cannot look up \"%s\": %s",
		    k->settings_path, group->name, l->error);
}

/* ---- services ---- */

static void
service_read(struct check *k, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct item *item = item_add(k, path);
	struct conffile f;
	struct diag why;
	char *name = NULL;

	if (!conffile_read(path, k->root, &f, &why)) {
		diag_list_add(&item->errs, "%s: %s", path, why.text);
		return;
	}
	if (spec_file_name(slash == NULL ? path : slash + 1, &name))
		item->service = spec_parse(&k->ctx, item->path, name, f.text, f.len, &item->errs);
	else
		diag_list_add(&item->errs, "%s: the name of a service file is NAME.json, with NAME "
		    "of letters, digits, \".\", \"_\", \"@\", \"-\", beginning with a letter or digit",
		    path);
	free(name);
	conffile_fini(&f);
	if (item->service != NULL)
		spec_wants(item->service, &k->lookups);
}

/* A link to /dev/null: the file of that name in later directories is not wanted either. */
static bool
is_mask(const char *path)
{
	struct stat link, target;

	return lstat(path, &link) == 0 && S_ISLNK(link.st_mode) && stat(path, &target) == 0 &&
	    S_ISCHR(target.st_mode) && target.st_rdev == makedev(1, 3);
}

/* Has a directory before dirs[n] a file of this name? */
static bool
is_hidden(char **dirs, size_t n, const char *file)
{
	struct stat st;
	char *path;
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		path = text_make("%s/%s", dirs[i], file);
		found = lstat(path, &st) == 0;
		free(path);
	}
	return found;
}

static void
entry_read(struct check *k, char **dirs, size_t n, const char *file)
{
	size_t len = strlen(file);
	struct stat st;
	char *path, *name;

	if (file[0] == '.' || len < 5 || strcmp(file + len - 5, ".json") != 0)
		return;
	path = text_make("%s/%s", dirs[n], file);
	if (!spec_file_name(file, &name)) {
		ctl_complain("%s: passed over: not the name of a service", path);
	} else {
		if (!is_mask(path) && !is_hidden(dirs, n, file) &&
		    !(stat(path, &st) == 0 && is_settings(k, &st)))
			service_read(k, path);
		free(name);
	}
	free(path);
}

/* All service files of dirs[n] that no directory before it has.  required: it has to be there. */
static void
directory_read(struct check *k, char **dirs, size_t n, bool required)
{
	struct dirent **entry = NULL;
	struct diag why;
	int count;

	if (!conffile_dir_check(dirs[n], k->root, &why)) {
		diag_list_add(&item_add(k, dirs[n])->errs, "%s: %s", dirs[n], why.text);
		return;
	}
	count = scandir(dirs[n], &entry, NULL, alphasort);
	if (count < 0 && (required || errno != ENOENT))
		diag_list_add(&item_add(k, dirs[n])->errs, "%s: cannot be read: %s", dirs[n],
		    strerror(errno));
	for (int i = 0; i < count; i++) {
		entry_read(k, dirs, n, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
}

static void
directories_read(struct check *k)
{
	char **dirs = k->ndirs > 0 ? k->dirs :
	    k->settings->services != NULL ? k->settings->services : paths_services();

	for (size_t n = 0; dirs[n] != NULL; n++)
		directory_read(k, dirs, n, false);
}

static void
argument_read(struct check *k, char *path)
{
	size_t len = strlen(path);
	struct stat st;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		directory_read(k, (char *[]){ path, NULL }, 0, true);
	else if (stat(path, &st) != 0 || !is_settings(k, &st))
		service_read(k, path);
}

static void
services_resolve(struct check *k)
{
	bool transient = false;
	uint64_t reserved = 0;

	for (size_t i = 0; i < k->nitems; i++) {
		struct item *item = &k->item[i];

		if (item->service != NULL && spec_resolve(item->service, &k->ctx, item->path,
		    &k->lookups, &item->errs, &transient))
			(void)spec_check_reserve(item->service, item->path, &reserved,
			    k->settings->limits_connections, &item->errs);
	}
}

/* What berthd would warn of, and open it all the same.  One that is not enabled may get its program later. */
static void
program_remark(const struct check *k, struct item *item)
{
	const struct service *s = item->service;
	const struct lookup *l = NULL;

	if (s != NULL && s->enabled && s->exec != NULL && item->errs.count == 0)
		l = lookup_find_name(&k->lookups, LOOKUP_PROGRAM, s->exec[0]);
	if (l != NULL && l->state != LOOKUP_FOUND)
		diag_list_add(&item->remarks, "%s: exec: %s: %s", item->path, s->exec[0],
		    l->state == LOOKUP_ABSENT ? l->error : "could not be looked at in time");
}

/* ---- the answer ---- */

static size_t
bad_items(const struct check *k)
{
	size_t bad = 0;

	for (size_t i = 0; i < k->nitems; i++)
		bad += k->item[i].errs.count > 0;
	return bad;
}

static void
print_text(const struct check *k)
{
	for (size_t i = 0; i < k->nitems; i++) {
		for (size_t n = 0; n < k->item[i].errs.count; n++)
			ctl_print(stderr, "%s", k->item[i].errs.text[n]);
		for (size_t n = 0; n < k->item[i].remarks.count; n++)
			ctl_print(stderr, "warning: %s", k->item[i].remarks.text[n]);
	}
	if (bad_items(k) == 0)
		(void)printf(k->nitems == 1 ? "%zu file is good\n" : "%zu files are good\n",
		    k->nitems);
	else if (k->settings_bad && k->nitems > 1)
		ctl_complain("%s is bad: the services were checked without its defaults",
		    k->settings_path);
}

static json_t *
texts(const struct diag_list *list)
{
	json_t *all = json_array();

	for (size_t n = 0; n < list->count; n++)
		(void)json_array_append_new(all, ctl_text(list->text[n]));
	return all;
}

static void
print_json(const struct check *k)
{
	json_t *files = json_array(), *answer;

	for (size_t i = 0; i < k->nitems; i++) {
		const struct item *item = &k->item[i];

		(void)json_array_append_new(files, json_pack("{s:o, s:b, s:o, s:o}", "file",
		    ctl_text(item->path), "good", item->errs.count == 0, "errors", texts(&item->errs),
		    "warnings", texts(&item->remarks)));
	}
	answer = json_pack("{s:b, s:o}", "good", bad_items(k) == 0, "files", files);
	ctl_print_json(answer);
	json_decref(answer);
}

static void
check_fini(struct check *k)
{
	for (size_t i = 0; i < k->nitems; i++) {
		free(k->item[i].path);
		spec_release(k->item[i].service);
		diag_list_free(&k->item[i].errs);
		diag_list_free(&k->item[i].remarks);
	}
	free(k->item);
	free(k->dirs);
	lookup_free(&k->lookups);
	settings_free(k->settings);
}

static void
read_options(struct check *k, struct ctl *c, int argc, char **argv)
{
	int o;

	k->dirs = xcalloc((size_t)argc + 1, sizeof(*k->dirs));
	while ((o = ctl_option(c, argc, argv)) != -1) {
		if (o == 'c') {
			k->settings_path = optarg;
			k->settings_given = true;
		} else {
			k->dirs[k->ndirs++] = optarg;
		}
	}
}

int
ctl_check(struct ctl *c, int argc, char **argv)
{
	struct check k = {
		.root = geteuid() == 0,
		.settings_path = paths_settings(),
		.ctx = { .root = geteuid() == 0, .uid = geteuid(), .gid = getegid() },
	};
	int status;

	read_options(&k, c, argc, argv);
	settings_read(&k);
	if (argv[optind] == NULL || k.ndirs > 0)
		directories_read(&k);
	for (int i = optind; argv[i] != NULL; i++)
		argument_read(&k, argv[i]);
	identity_answer(&k.lookups);
	settings_resolve(&k);
	services_resolve(&k);
	for (size_t i = 0; i < k.nitems; i++)
		program_remark(&k, &k.item[i]);
	if (c->json)
		print_json(&k);
	else
		print_text(&k);
	status = bad_items(&k) > 0 ? CTL_NO : 0;
	check_fini(&k);
	return status;
}
