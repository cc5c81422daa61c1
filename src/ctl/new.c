/*
 * berthctl new: a service file to begin with
 *
 * JSON has no comments, so what its keys mean stands in its description, in the words of the table of keys.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pure/spec.h"
#include "../pure/text.h"
#include "../pure/xalloc.h"
#include "../sys/fd.h"
#include "ctl.h"

struct starter {
	const char *name, *directory, *listen, *exec, *user;
	char *path;		/* owned */
};

/* ---- what stands in it ---- */

/* The value of a dotted key; NULL: it is not there.  Borrowed. */
static const json_t *
schema_of(const json_t *schema, const char *key)
{
	const char *dot;
	char part[64];

	for (; schema != NULL && key[0] != '\0'; key = dot[0] == '.' ? dot + 1 : dot) {
		dot = strchrnul(key, '.');
		(void)snprintf(part, sizeof(part), "%.*s", (int)(dot - key), key);
		schema = json_object_get(json_object_get(schema, "properties"), part);
	}
	return schema;
}

/* "limits.connections: Live handlers of this service at once." and so on */
static void
describe(FILE *to, const json_t *schema, const char *prefix, json_t *object)
{
	const char *key;
	json_t *value;
	char path[128];

	json_object_foreach(object, key, value) {
		(void)snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
		if (json_is_object(value))
			describe(to, schema, path, value);
		else
			(void)fprintf(to, " %s: %s", path,
			    ctl_string(schema_of(schema, path), "description"));
	}
}

/* Caller frees. */
static char *
description_of(const struct starter *s, json_t *file)
{
	json_t *schema = spec_schema_service();
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert(to != NULL && schema != NULL);
	(void)fprintf(to, "%s: say here what it is for.", s->name);
	describe(to, schema, "", file);
	(void)fprintf(to, " All keys: man 5 berth-service.");
	(void)fclose(to);
	json_decref(schema);
	return text;
}

static json_t *
starter_make(const struct ctl *c, const struct starter *s)
{
	json_t *file = json_pack("{s:s,s:[s],s:s*,s:{s:i,s:i,s:[{s:s},s]},s:{s:s}}", "listen", s->listen,
	    "exec", s->exec, "user", s->user, "limits", "connections", 50, "connections_per_source", 10,
	    "overflow", "wait", "10s", "refuse", "timeouts", "lifetime", "1d");
	json_t *all = json_object();
	char *text;

	if (file == NULL)
		ctl_usage(c, "what stands in a file is UTF-8");
	text = description_of(s, file);
	(void)json_object_set_new(all, "description", json_string(text));
	(void)json_object_update(all, file);
	json_decref(file);
	free(text);
	return all;
}

/* As berthd will read it: false when it is not right, which is explained. */
static bool
is_right(const struct starter *s, const char *text)
{
	struct spec_context context = { .root = geteuid() == 0, .uid = geteuid(), .gid = getegid() };
	struct diag_list errs = { 0 };
	struct service *service = spec_parse(&context, s->path, s->name, text, strlen(text), &errs);

	for (size_t i = 0; i < errs.count; i++)
		ctl_complain("new: %s", errs.text[i]);
	diag_list_free(&errs);
	if (service == NULL)
		return false;
	spec_release(service);
	return true;
}

/* ---- the file ---- */

/* A new file under a name that berthd does not read, of a template for mkstemp(3).  -1 and errno. */
static int
write_hidden(char *path, const char *text)
{
	mode_t mask = umask(0);
	int fd, error;

	(void)umask(mask);
	if ((fd = mkstemp(path)) < 0)
		return -1;
	if (fchmod(fd, 0644 & ~mask) == 0 && fd_write_all(fd, text, strlen(text)) && fsync(fd) == 0 && close(fd) == 0)
		return 0;
	error = errno;
	(void)unlink(path);
	errno = error;
	return -1;
}

/* It appears as a whole, or not at all, and never over another. */
static int
publish(const struct starter *s, const char *text)
{
	char *hidden = text_make("%s/.%s.XXXXXX", s->directory, s->name);
	int error = 0;

	if (write_hidden(hidden, text) < 0) {
		error = errno;
	} else {
		if (link(hidden, s->path) < 0)
			error = errno;
		(void)unlink(hidden);
	}
	free(hidden);
	if (error == 0)
		return 0;
	ctl_complain("new: %s: %s", s->path,
	    error == EEXIST ? "is there already, and was left as it is" : strerror(error));
	return CTL_NO;
}

static void
report(const struct ctl *c, const struct starter *s, const json_t *file)
{
	json_t *answer;

	if (!c->json) {
		ctl_print(stdout, "wrote %s: edit it, then `berthctl check %s`", s->path, s->path);
		return;
	}
	answer = json_pack("{s:s,s:O}", "file", s->path, "service", file);
	ctl_print_json(answer);
	json_decref(answer);
}

static int
starter_write(const struct ctl *c, const struct starter *s)
{
	json_t *file = starter_make(c, s);
	char *text = json_dumps(file, JSON_INDENT(2)), *line;
	int status = CTL_NO;

	assert(text != NULL);
	line = text_make("%s\n", text);
	if (is_right(s, line))
		status = publish(s, line);
	if (status == 0)
		report(c, s, file);
	free(line);
	free(text);
	json_decref(file);
	return status;
}

static void
take_option(struct starter *s, int o)
{
	switch (o) {
	case 'd':
		s->directory = optarg;
		break;
	case CTL_OPTION_LISTEN:
		s->listen = optarg;
		break;
	case CTL_OPTION_EXEC:
		s->exec = optarg;
		break;
	default:
		s->user = optarg;
		break;
	}
}

int
ctl_new(struct ctl *c, int argc, char **argv)
{
	struct starter s = { .directory = ".", .listen = "tcp:127.0.0.1:7000", .exec = "/bin/cat",
		.user = geteuid() == 0 ? "nobody" : NULL };
	char *file, *name;
	int o, status;

	while ((o = ctl_option(c, argc, argv)) != -1)
		take_option(&s, o);
	ctl_count(c, argc, argv, 1, 1);
	/* of "$DIR" that is not set: the root directory is not meant */
	if (s.directory[0] == '\0')
		ctl_usage(c, "--directory: no directory is named");
	file = text_make("%s.json", argv[optind]);
	if (!spec_file_name(file, &name))
		ctl_usage(c, "%s: not a name: letters, digits and . _ @ -, the first a letter or digit",
		    argv[optind]);
	s.name = name;
	s.path = text_make("%s/%s", s.directory, file);
	status = starter_write(c, &s);
	free(s.path);
	free(name);
	free(file);
	return status;
}
