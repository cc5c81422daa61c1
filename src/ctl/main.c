/*
 * berthctl - see and steer a running berthd, and check its configuration
 */
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/text.h"
#include "../pure/xalloc.h"
#include "ctl.h"

#ifndef BERTH_VERSION
#define BERTH_VERSION "unknown"
#endif

#define OPTIONS_MAX 24

/* ---- what is said of the commands ---- */

static void
print_usage(FILE *to)
{
	(void)fprintf(to, "usage: berthctl [--control PATH] [--json] COMMAND [ARGUMENT]...\n\n");
	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++)
		(void)fprintf(to, "  %-12s %s\n", cmd->name, cmd->help);
	(void)fprintf(to, "\n\"berthctl COMMAND --help\" tells how a command is used.\n");
}

static void
print_command_usage(FILE *to, const struct ctl_command *cmd)
{
	(void)fprintf(to, "usage: berthctl %s [--control PATH] [--json]%s%s\n", cmd->name,
	    cmd->usage[0] != '\0' ? " " : "", cmd->usage);
}

static void
print_option(const struct ctl_option *o)
{
	char text[64];

	(void)snprintf(text, sizeof(text), ctl_has_letter(o) ? "-%c%s" : "    ",
	    (char)o->letter, o->name != NULL ? ", " : "");
	if (o->name != NULL)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "--%s", o->name);
	if (o->value != NULL)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", o->value);
	(void)printf("  %-22s %s\n", text, o->help);
}

static void
print_options(const struct ctl_option *o)
{
	for (; o != NULL && o->help != NULL; o++)
		print_option(o);
}

static void
print_examples(const char *line)
{
	const char *end;

	if (line != NULL)
		(void)printf("\nexamples:\n");
	for (; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1)
		(void)printf("  %.*s\n", (int)(end - line), line);
}

static void
print_exit_status(const struct ctl_command *cmd)
{
	(void)printf("\nexit status:\n  0   it was done\n");
	if (cmd->no != NULL)
		(void)printf("  1   %s\n", cmd->no);
	(void)printf("  %d  the command line is wrong\n", EX_USAGE);
	if (!cmd->offline)
		(void)printf("  %d  no daemon is there, or it does not answer\n  %d  not allowed\n",
		    EX_UNAVAILABLE, EX_NOPERM);
}

static void
print_command_help(const struct ctl_command *cmd)
{
	print_command_usage(stdout, cmd);
	(void)printf("  %s\n\noptions:\n", cmd->help);
	print_options(cmd->options);
	print_options(ctl_common_options);
	print_examples(cmd->examples);
	print_exit_status(cmd);
}

/* ---- the same for programs ---- */

static json_t *
options_json(const struct ctl_option *o)
{
	json_t *all = json_array();

	for (; o != NULL && o->help != NULL; o++) {
		const char letter[2] = { ctl_has_letter(o) ? (char)o->letter : '\0' };

		(void)json_array_append_new(all, json_pack("{s:s?,s:s?,s:s?,s:s}", "letter",
		    letter[0] != '\0' ? letter : NULL, "name", o->name, "value", o->value, "help", o->help));
	}
	return all;
}

static json_t *
examples_json(const char *line)
{
	json_t *all = json_array();
	const char *end;

	for (; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1)
		(void)json_array_append_new(all, json_stringn(line, (size_t)(end - line)));
	return all;
}

/* only: NULL all commands. */
static void
print_help_json(const struct ctl_command *only)
{
	json_t *commands = json_array(), *all;

	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++) {
		if (only != NULL && cmd != only)
			continue;
		(void)json_array_append_new(commands, json_pack("{s:s,s:s,s:s,s:o,s:o,s:s?,s:b}", "name", cmd->name,
		    "usage", cmd->usage, "help", cmd->help, "options", options_json(cmd->options), "examples",
		    examples_json(cmd->examples), "status_1", cmd->no, "offline", (int)cmd->offline));
	}
	all = json_pack("{s:o,s:o}", "commands", commands, "options", options_json(ctl_common_options));
	ctl_print_json(all);
	json_decref(all);
}

/* ---- wrong usage ---- */

void
ctl_usage(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_vmake(fmt, ap);
	va_end(ap);
	if (c->command != NULL) {
		ctl_complain("%s: %s", c->command->name, text);
		print_command_usage(stderr, c->command);
	} else {
		ctl_complain("%s", text);
		(void)fprintf(stderr, "\"berthctl help\" lists the commands.\n");
	}
	free(text);
	exit(EX_USAGE);
}

/* status: so far.  The exit status when all that was printed was to be written. */
static int
finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	ctl_complain("stdout: cannot be written");
	return status != 0 ? status : CTL_NO;
}

static void __attribute__((noreturn))
print_help_and_exit(const struct ctl *c)
{
	if (c->command == NULL)
		print_usage(stdout);
	else
		print_command_help(c->command);
	exit(finish(0));
}

/* ---- options ---- */

/*
 * What getopt_long(3) does not like: a letter, or a word of argv.  In "--json -zq" it is still at the first word when
 * it does not know the z; and --help=x is the letter h to it, which it knows.
 */
static const char *
bad_option(char **argv, const char *letters)
{
	static char letter[3] = "-";

	if (optopt > 0 && optopt < 128 &&
	    (strchr(letters, optopt) == NULL || strncmp(argv[optind - 1], "--", 2) != 0)) {
		letter[1] = (char)optopt;
		return letter;
	}
	return argv[optind - 1];
}

struct grammar {
	struct option words[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX];
	size_t count;
};

/* Rows of the table, as getopt_long(3) wants to have them. */
static void
grammar_add(struct grammar *g, const struct ctl_option *o)
{
	for (; o != NULL && o->help != NULL; o++) {
		if (ctl_has_letter(o)) {
			char letter[3] = { (char)o->letter, o->value != NULL ? ':' : '\0' };

			(void)strlcat(g->letters, letter, sizeof(g->letters));
		}
		if (o->name == NULL)
			continue;
		assert(g->count + 1 < OPTIONS_MAX);
		g->words[g->count++] = (struct option){ o->name,
			o->value != NULL ? required_argument : no_argument, NULL, o->letter };
	}
}

/* What every command has.  false: it is none of these. */
static bool
common_option(struct ctl *c, int o)
{
	switch (o) {
	case CTL_OPTION_CONTROL:
		c->control = optarg;
		return true;
	case CTL_OPTION_JSON:
		c->json = true;
		return true;
	case 'h':
		print_help_and_exit(c);
	case 'V':
		(void)printf("berthctl %s\n", BERTH_VERSION);
		exit(finish(0));
	default:
		return false;
	}
}

int
ctl_option(struct ctl *c, int argc, char **argv)
{
	/* before the command: up to the first argument */
	struct grammar g = { .letters = "+:" };
	int o;

	if (c->command != NULL) {
		(void)strlcpy(g.letters, ":", sizeof(g.letters));
		grammar_add(&g, c->command->options);
	}
	grammar_add(&g, ctl_common_options);
	opterr = 0;
	while ((o = getopt_long(argc, argv, g.letters, g.words, NULL)) != -1) {
		if (o == ':')
			ctl_usage(c, "%s: a value is missing", bad_option(argv, g.letters));
		if (o == '?')
			ctl_usage(c, "%s: no such option", bad_option(argv, g.letters));
		if (!common_option(c, o))
			return o;
	}
	return -1;
}

void
ctl_count(const struct ctl *c, int argc, char **argv, int least, int most)
{
	if (argc - optind < least)
		ctl_usage(c, "an argument is missing");
	if (argc - optind > most)
		ctl_usage(c, "%s: one argument too many", argv[optind + most]);
}

void
ctl_arguments(struct ctl *c, int argc, char **argv, int least, int most)
{
	(void)ctl_option(c, argc, argv);
	ctl_count(c, argc, argv, least, most);
}

json_t *
ctl_parameter(const struct ctl *c, json_t *parameters, const char *key, const char *value)
{
	if (value == NULL)
		return parameters;
	if (parameters == NULL)
		parameters = json_object();
	if (json_object_set_new(parameters, key, json_string(value)) != 0)
		ctl_usage(c, "%s: not a %s: invalid UTF-8", value, key);
	return parameters;
}

/* ---- commands ---- */

static const struct ctl_command *
command_find(const char *name)
{
	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++) {
		if (strcmp(cmd->name, name) == 0)
			return cmd;
	}
	return NULL;
}

static size_t
least_of(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters to insert, delete or replace to make one of the other (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
	size_t row[32], n = strlen(b), diagonal, above;

	assert(n < sizeof(row) / sizeof(row[0]));
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		diagonal = row[0]++;
		for (size_t j = 1; j <= n; j++) {
			above = row[j];
			row[j] = least_of(above + 1, row[j - 1] + 1,
			    diagonal + (a[i] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

/* The command that was probably meant, by its beginning or else by few wrong letters; or NULL. */
static const char *
nearest(const char *word)
{
	size_t best = 4, len = strlen(word);
	const char *name = NULL;

	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++) {
		size_t d = distance(word, cmd->name);

		if (len > 0 && strncmp(word, cmd->name, len) == 0)
			return cmd->name;
		if (d < best && d < len) {
			best = d;
			name = cmd->name;
		}
	}
	return name;
}

static const struct ctl_command *
command_or_usage(struct ctl *c, const char *word)
{
	const struct ctl_command *cmd = command_find(word);
	const char *near;

	if (cmd != NULL)
		return cmd;
	c->command = NULL;
	near = nearest(word);
	if (near != NULL)
		ctl_usage(c, "\"%s\" is not a command; did you mean \"%s\"?", word, near);
	ctl_usage(c, "\"%s\" is not a command", word);
}

int
ctl_help(struct ctl *c, int argc, char **argv)
{
	ctl_arguments(c, argc, argv, 0, 1);
	c->command = argv[optind] == NULL ? NULL : command_or_usage(c, argv[optind]);
	if (!c->json)
		print_help_and_exit(c);
	print_help_json(c->command);
	return 0;
}

int
main(int argc, char **argv)
{
	struct ctl c = { 0 };

	(void)signal(SIGPIPE, SIG_DFL);
	(void)ctl_option(&c, argc, argv);
	if (argv[optind] == NULL) {
		print_usage(stderr);
		return EX_USAGE;
	}
	c.command = command_or_usage(&c, argv[optind]);
	argc -= optind;
	argv += optind;
	optind = 0;		/* glibc: begin anew, with permutation */
	return finish(c.command->run(&c, argc, argv));
}
