/*
 * ctl - what the commands of berthctl share
 *
 * A command is a function that prints its answer on stdout, explains trouble on stderr, and
 * returns the exit status: 0; CTL_NO; EX_USAGE (64), EX_UNAVAILABLE (69, no daemon there),
 * EX_NOPERM (77) of sysexits(3).
 */
#ifndef BERTH_CTL_H
#define BERTH_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sysexits.h>

#include "client.h"

#define CTL_NO 1		/* the answer is no: a bad file, no such service */

struct ctl_command;

struct ctl {
	const struct ctl_command *command;
	const char *control;	/* path of the control socket as given; NULL: not given */
	bool json;
};

/* argv is that of the command: argv[0] its name, its options not read yet. */
typedef int ctl_run(struct ctl *c, int argc, char **argv);

/* ---- commands.c: the table ---- */

/*
 * What an option's value, or an argument, is completed to: words with a space between, or one of
 * these.  NULL: nothing.
 */
#define CTL_FILE	"@file"
#define CTL_DIRECTORY	"@directory"
#define CTL_PROGRAM	"@program"
#define CTL_SERVICE	"@service"	/* the names of a running berthd's services */
#define CTL_CONNECTION	"@connection"	/* the numbers of its connections */
#define CTL_USER	"@user"
#define CTL_COMMAND	"@command"

struct ctl_option {
	int letter;		/* what ctl_option() returns: of -x; or of enum ctl_long, then there is no -x */
	const char *name;	/* of the long form; NULL: there is none */
	const char *value;	/* what it is called in the help, "FILE"; NULL: the option has none */
	const char *complete;
	const char *help;	/* one line; NULL: the end of a list */
};

struct ctl_command {
	const char *name;
	const char *usage;	/* what follows the name; "" nothing */
	const char *help;	/* one line */
	ctl_run *run;
	const char *complete;	/* its arguments */
	const struct ctl_option *options; /* NULL: only those that every command has */
	const char *no;		/* what exit status 1 tells; NULL: it does not occur */
	const char *examples;	/* lines, each ended by a newline; NULL: none */
	bool offline;		/* no daemon is asked */
};

/* Options without a letter. */
enum ctl_long {
	CTL_OPTION_CONTROL = 256, CTL_OPTION_JSON,
	CTL_OPTION_EXACT, CTL_OPTION_FORGIVE, CTL_OPTION_NAMES, CTL_OPTION_HTTP, CTL_OPTION_TEXT,
	CTL_OPTION_ONCE,
	CTL_OPTION_RECORDED, CTL_OPTION_LISTEN, CTL_OPTION_EXEC, CTL_OPTION_USER,
	CTL_OPTION_ALL, CTL_OPTION_DEADLINE, CTL_OPTION_DRY_RUN, CTL_OPTION_PEER,
	CTL_OPTION_SERVICE
};

extern const struct ctl_command ctl_commands[];	/* ended by one without a name */
extern const struct ctl_option ctl_common_options[];

ctl_run ctl_check, ctl_list, ctl_show, ctl_connections, ctl_explain, ctl_penalties, ctl_reload,
    ctl_metrics, ctl_page, ctl_schema, ctl_top, ctl_completion, ctl_help;
ctl_run ctl_status, ctl_monitor, ctl_new;
ctl_run ctl_pause, ctl_resume, ctl_drain, ctl_kill, ctl_enable, ctl_disable, ctl_log_level;

/* Is there a -x? */
bool ctl_has_letter(const struct ctl_option *o);

/* ---- main.c ---- */

/*
 * The next option of a command, by its row in the table, as getopt_long(3) returns it (optarg,
 * optind): its letter, or -1 when there are none left.  What every command has is taken here.  A
 * wrong option, and --help, end the program.
 */
int ctl_option(struct ctl *c, int argc, char **argv);

/* After the last option: between least and most arguments, which begin at argv[optind]. */
void ctl_count(const struct ctl *c, int argc, char **argv, int least, int most);

/* The same for a command without options of its own. */
void ctl_arguments(struct ctl *c, int argc, char **argv, int least, int most);

/* "berthctl: COMMAND: ...", how the command is used, exit status 64. */
void ctl_usage(const struct ctl *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/*
 * Add a string to the parameters of a call, which are made when they are NULL, and return them.
 * value NULL: nothing is added.  A value that cannot be sent is wrong usage.
 */
json_t *ctl_parameter(const struct ctl *c, json_t *parameters, const char *key, const char *value);

/* ---- print.c ---- */

/* A line "berthctl: ..." on stderr, escaped. */
void ctl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Text that came from elsewhere, for a terminal: control bytes and invalid UTF-8 as \xHH.  Caller
 * frees.
 */
char *ctl_escape(const char *text);

/* fprintf() of one line (the newline is added), escaped as a whole. */
void ctl_print(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * What begins a colour, or with CTL_PLAIN ends it: "" where stdout is no terminal, and where NO_COLOR is set
 * (no-color.org).  ctl_print() would escape it.
 */
enum ctl_colour { CTL_PLAIN, CTL_GOOD, CTL_BAD, CTL_CARE, CTL_FAINT };
const char *ctl_colour(enum ctl_colour c);

/*
 * A paragraph on stdout: head, padded to `indent` columns and in this colour, then the text, escaped; on a terminal it is broken at
 * spaces, and each line indented.
 */
void ctl_paragraph(const char *head, enum ctl_colour colour, int indent, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* JSON for machines, on stdout, with a newline. */
void ctl_print_json(const json_t *value);

/* A string that may be any bytes, as a path: escaped where it is no UTF-8.  New reference. */
json_t *ctl_text(const char *text);

/* A string of an object; "" when it is absent, null or no string. */
const char *ctl_string(const json_t *object, const char *key);
/* A whole number of an object; 0 when it is absent or none. */
long long ctl_number(const json_t *object, const char *key);

/* For a cell that would be empty: "-". */
const char *ctl_or_dash(const char *text);

/* amount_duration() */
#define CTL_DURATION_MAX 24
const char *ctl_duration(double seconds, char *buf, size_t size);

/* Columns as wide as their widest cell, but for one that is a text, as a description.  Starts as {0}. */
#define CTL_COLUMNS 10
#define CTL_WIDE 60

struct ctl_table {
	struct ctl_row {
		size_t count;		/* of cells; 0: a note */
		char *cell[CTL_COLUMNS];/* owned, escaped */
	} *row;				/* owned */
	size_t count;
};

/* Add a row: strings, ended by NULL; at most CTL_COLUMNS; copied. */
void ctl_table_row(struct ctl_table *t, ...) __attribute__((sentinel));
/* Add an indented line between the rows, outside the columns. */
void ctl_table_note(struct ctl_table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Print on stdout and release. */
void ctl_table_print(struct ctl_table *t);

#endif
