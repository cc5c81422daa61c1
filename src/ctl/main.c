/*
 * berthctl - see and steer a running berthd, and check its configuration
 */
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../pure/xalloc.h"
#include "ctl.h"

static const struct ctl_command commands[] = {
	{ "check", "[-c FILE] [-s DIR]... [FILE|DIR]...",
	    "read configuration files and tell what is wrong", ctl_check },
	{ "list", "", "services, their endpoints and state", ctl_list },
	{ "show", "SERVICE", "state and configuration of a service, and where each value came from",
	    ctl_show },
	{ "connections", "[--exact] [SERVICE]", "live handlers, and what each of them does",
	    ctl_connections },
	{ "explain", "SERVICE --peer ADDR", "what a connection of this client would get now, and why",
	    ctl_explain },
	{ "penalties", "[--forgive PREFIX|all] [SERVICE]",
	    "sources whose connections ended badly; forgive them", ctl_penalties },
	{ "reload", "", "read the configuration again, and wait until it is in force", ctl_reload },
	{ "schema", "[service|settings]", "JSON Schema of a service file, or of berth.json",
	    ctl_schema },
	{ "help", "[COMMAND]", "this text, or how a command is used", ctl_help },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct option common_options[] = {
	{ "control", required_argument, NULL, 'C' },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
};

#define COMMON_OPTIONS (sizeof(common_options) / sizeof(common_options[0]))
#define OPTIONS_MAX 8

static void
print_usage(FILE *to)
{
	(void)fprintf(to, "usage: berthctl [--control PATH] [--json] COMMAND [ARGUMENT]...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
	(void)fprintf(to, "\n\"berthctl COMMAND --help\" tells how a command is used.\n");
}

static void
print_command_usage(FILE *to, const struct ctl_command *cmd)
{
	(void)fprintf(to, "usage: berthctl %s [--control PATH] [--json]%s%s\n", cmd->name,
	    cmd->usage[0] != '\0' ? " " : "", cmd->usage);
}

void
ctl_usage(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	assert(n >= 0);
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

static void __attribute__((noreturn))
print_help_and_exit(const struct ctl *c)
{
	if (c->command == NULL) {
		print_usage(stdout);
	} else {
		print_command_usage(stdout, c->command);
		(void)printf("  %s\n", c->command->help);
	}
	exit(fflush(stdout) == 0 ? 0 : CTL_NO);
}

/* The word of argv in which getopt_long(3) found what it does not like. */
static const char *
bad_option(char **argv)
{
	static char letter[3] = "-";

	if (optopt > 0 && optopt < 128 && strncmp(argv[optind - 1], "--", 2) != 0) {
		letter[1] = (char)optopt;
		return letter;
	}
	return argv[optind - 1];
}

/* The long options that every command has, then those of this one. */
static void
gather_words(struct option all[OPTIONS_MAX], const struct option *words)
{
	size_t n = COMMON_OPTIONS;

	memcpy(all, common_options, sizeof(common_options));
	for (; words != NULL && words->name != NULL; words++) {
		assert(n + 1 < OPTIONS_MAX);
		all[n++] = *words;
	}
	all[n] = (struct option){ 0 };
}

int
ctl_option(struct ctl *c, int argc, char **argv, const char *letters, const struct option *words)
{
	struct option all_words[OPTIONS_MAX];
	char all_letters[32];
	int o;

	(void)snprintf(all_letters, sizeof(all_letters), "%s:h%s", letters[0] == '+' ? "+" : "",
	    letters + (letters[0] == '+'));
	gather_words(all_words, words);
	opterr = 0;
	while ((o = getopt_long(argc, argv, all_letters, all_words, NULL)) != -1) {
		switch (o) {
		case 'C':
			c->control = optarg;
			break;
		case 'J':
			c->json = true;
			break;
		case 'h':
			print_help_and_exit(c);
		case ':':
			ctl_usage(c, "%s: a value is missing", bad_option(argv));
		case '?':
			ctl_usage(c, "%s: no such option", bad_option(argv));
		default:
			return o;
		}
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
	(void)ctl_option(c, argc, argv, "", NULL);
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
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
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

	for (size_t i = 0; i < COMMANDS; i++) {
		size_t d = distance(word, commands[i].name);

		if (len > 0 && strncmp(word, commands[i].name, len) == 0)
			return commands[i].name;
		if (d < best && d < len) {
			best = d;
			name = commands[i].name;
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
	print_help_and_exit(c);
}

int
main(int argc, char **argv)
{
	struct ctl c = { 0 };
	int status;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)ctl_option(&c, argc, argv, "+", NULL);
	if (argv[optind] == NULL) {
		print_usage(stderr);
		return EX_USAGE;
	}
	c.command = command_or_usage(&c, argv[optind]);
	argc -= optind;
	argv += optind;
	optind = 0;		/* glibc: begin anew, with permutation */
	status = c.command->run(&c, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_complain("stdout: cannot be written");
		return status != 0 ? status : CTL_NO;
	}
	return status;
}
