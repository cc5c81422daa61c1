/*
 * berthctl completion: scripts that complete the command line, made from the table of commands
 *
 * Names of services and numbers of connections come from berthd when they are wanted.  What a berthd
 * says is offered only if it could be one: it ends up on somebody's command line.
 */
#include <getopt.h>
#include <string.h>

#include "ctl.h"

/* ---- bash ---- */

static const char bash_head[] =
"# bash completion of berthctl, made by \"berthctl completion bash\"\n"
"\n"
"_berthctl_offer()\n"
"{\n"
"	local word\n"
"	for word; do\n"
"		[[ $word != \"$cur\"* || $word == *[!A-Za-z0-9._@=-]* ]] || COMPREPLY+=(\"$word\")\n"
"	done\n"
"	# readline replaces only what follows the last of these\n"
"	if [[ $cur == *@* && $COMP_WORDBREAKS == *@* ]]; then\n"
"		COMPREPLY=(\"${COMPREPLY[@]#\"${cur%\"${cur##*@}\"}\"}\")\n"
"	fi\n"
"}\n"
"\n"
"_berthctl_ask()\n"
"{\n"
"	local names\n"
"	mapfile -t names < <(\"$program\" \"${control[@]}\" \"$@\" --names 2>/dev/null)\n"
"	_berthctl_offer \"${names[@]}\"\n"
"}\n"
"\n"
"_berthctl()\n"
"{\n"
"	# shellcheck disable=SC2034\n"
"	local cur prev words cword split program=$1 command='' control=() i\n"
"	_init_completion -s -n @: || return\n"
"	for ((i = 1; i < cword; i++)); do\n"
"		case ${words[i]} in\n"
"		--control)\n"
"			control=(\"--control=${words[++i]/#\\~/$HOME}\") ;;\n"
"		--control=*)\n"
"			control=(\"${words[i]}\") ;;\n";

static const char bash_tail[] =
"	esac\n"
"}\n"
"complete -F _berthctl berthctl\n";

/* What is done for something that completes to this. */
static void
bash_action(const char *complete)
{
	static const struct { const char *kind, *action; } actions[] = {
		{ CTL_FILE, "_filedir" }, { CTL_DIRECTORY, "_filedir -d" },
		{ CTL_PROGRAM, "_filedir" }, { CTL_SERVICE, "_berthctl_ask list" },
		{ CTL_CONNECTION, "_berthctl_ask connections" },
		{ CTL_USER, "_allowed_users" },
	};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (complete != NULL && strcmp(complete, actions[i].kind) == 0) {
			(void)printf("%s", actions[i].action);
			return;
		}
	}
	(void)printf("_berthctl_offer");
	if (complete != NULL && strcmp(complete, CTL_COMMAND) == 0) {
		for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++)
			(void)printf(" %s", cmd->name);
	} else if (complete != NULL) {
		(void)printf(" %s", complete);
	}
}

/* "-p", "--peer" or both, with sep between */
static void
print_spellings(const struct ctl_option *o, const char *sep)
{
	if (ctl_has_letter(o))
		(void)printf("-%c", (char)o->letter);
	if (ctl_has_letter(o) && o->name != NULL)
		(void)printf("%s", sep);
	if (o->name != NULL)
		(void)printf("--%s", o->name);
}

/* Before the command: the value of an option is no command. */
static void
bash_skip_values(void)
{
	for (const struct ctl_option *o = ctl_common_options; o->help != NULL; o++) {
		if (o->value == NULL || o->letter == CTL_OPTION_CONTROL)
			continue;
		(void)printf("\t\t");
		print_spellings(o, "|");
		(void)printf(")\n\t\t\t((++i)) ;;\n");
	}
	(void)printf("\t\t-*) ;;\n"
	    "\t\t*)\n\t\t\tcommand=${command:-${words[i]}} ;;\n"
	    "\t\tesac\n\tdone\n");
}

/* After an option: its value.  prefix: "list:" or "*:" */
static void
bash_values(const char *prefix, const struct ctl_option *o)
{
	for (; o != NULL && o->help != NULL; o++) {
		char sep[48];

		if (o->value == NULL)
			continue;
		(void)snprintf(sep, sizeof(sep), " | %s", prefix);
		(void)printf("\t%s", prefix);
		print_spellings(o, sep);
		(void)printf(")\n\t\t");
		bash_action(o->complete);
		(void)printf("\n\t\treturn ;;\n");
	}
}

static void
bash_options(const struct ctl_option *o)
{
	for (; o != NULL && o->help != NULL; o++) {
		(void)printf(" ");
		print_spellings(o, " ");
	}
}

static void
bash_print(void)
{
	(void)printf("%s", bash_head);
	bash_skip_values();
	(void)printf("\tcase $command:$prev in\n");
	bash_values("*:", ctl_common_options);
	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++) {
		char prefix[32];

		(void)snprintf(prefix, sizeof(prefix), "%s:", cmd->name);
		bash_values(prefix, cmd->options);
	}
	(void)printf("\tesac\n\t! $split || return\n\tcase $command:$cur in\n");
	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++) {
		(void)printf("\t%s:-*)\n\t\t_berthctl_offer", cmd->name);
		bash_options(cmd->options);
		bash_options(ctl_common_options);
		(void)printf(" ;;\n\t%s:*)\n\t\t", cmd->name);
		bash_action(cmd->complete);
		(void)printf(" ;;\n");
	}
	(void)printf("\t:-*)\n\t\t_berthctl_offer");
	bash_options(ctl_common_options);
	(void)printf(" ;;\n\t:*)\n\t\t");
	bash_action(CTL_COMMAND);
	(void)printf(" ;;\n%s", bash_tail);
}

/* ---- zsh ---- */

static const char zsh_head[] =
"#compdef berthctl\n"
"# zsh completion of berthctl, made by \"berthctl completion zsh\"\n"
"\n"
"_berthctl_ask() {\n"
"	local -a names\n"
"	local control=${(Q)opt_args[--control]:-$control}\n"
"	names=(${(f)\"$($program ${control:+--control=${~control}} \"$@\" --names 2>/dev/null)\"})\n"
"	names=(${names:#*[^A-Za-z0-9._@-]*})\n"
"	compadd -a names\n"
"}\n"
"\n";

static const char zsh_body[] =
"	_arguments -C $common '1:command:->command' '*::argument:->argument' && ret=0\n"
"	control=${(Q)opt_args[--control]}\n"
"	case $state in\n"
"	command)\n"
"		_describe -t commands command commands && ret=0 ;;\n"
"	argument)\n"
"		curcontext=${curcontext%:*:*}:berthctl-$words[1]:\n"
"		case $words[1] in\n";

/* In single quotes, with what _arguments and _describe take for theirs escaped. */
static void
zsh_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			(void)printf("'\\''");
		else if (strchr(":[]\\", *text) != NULL)
			(void)printf("\\%c", *text);
		else
			(void)putchar(*text);
	}
}

static void
zsh_action(const char *complete)
{
	/* after a space _arguments adds nothing of its own */
	static const struct { const char *kind, *action; } actions[] = {
		{ CTL_FILE, "_files" }, { CTL_DIRECTORY, "_directories" }, { CTL_PROGRAM, "_files" },
		{ CTL_SERVICE, " _berthctl_ask list" },
		{ CTL_CONNECTION, " _berthctl_ask connections" }, { CTL_USER, "_users" },
		{ CTL_COMMAND, "{ _describe -t commands command commands }" },
	};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (complete != NULL && strcmp(complete, actions[i].kind) == 0) {
			(void)printf("%s", actions[i].action);
			return;
		}
	}
	if (complete != NULL)
		(void)printf("(%s)", complete);
	else
		(void)putchar(' ');
}

/* '*-c+[help]:FILE:_files' '*--peer=[help]:ADDR: ' '--json[help]' */
static void
zsh_spelling(const struct ctl_option *o, bool letter)
{
	(void)printf(" '%s", o->value != NULL ? "*" : "");
	if (letter)
		(void)printf("-%c%s[", (char)o->letter, o->value != NULL ? "+" : "");
	else
		(void)printf("--%s%s[", o->name, o->value != NULL ? "=" : "");
	zsh_text(o->help);
	(void)putchar(']');
	if (o->value != NULL) {
		(void)printf(":%s:", o->value);
		zsh_action(o->complete);
	}
	(void)putchar('\'');
}

static void
zsh_options(const struct ctl_option *o)
{
	for (; o != NULL && o->help != NULL; o++) {
		if (ctl_has_letter(o))
			zsh_spelling(o, true);
		if (o->name != NULL)
			zsh_spelling(o, false);
	}
}

static void
zsh_command(const struct ctl_command *cmd)
{
	(void)printf("\t\t%s)\n\t\t\t_arguments $common", cmd->name);
	zsh_options(cmd->options);
	if (cmd->complete != NULL) {
		(void)printf(" '*:argument:");
		zsh_action(cmd->complete);
		(void)putchar('\'');
	}
	(void)printf(" && ret=0 ;;\n");
}

static void
zsh_print(void)
{
	(void)printf("%s_berthctl() {\n\tlocal curcontext=$curcontext state line control ret=1\n"
	    "\tlocal program=${(Q)~words[1]}\n\tlocal -A opt_args\n\tlocal -a common commands\n"
	    "\tcommon=(", zsh_head);
	zsh_options(ctl_common_options);
	(void)printf(" )\n\tcommands=(");
	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++) {
		(void)printf(" '%s:", cmd->name);
		zsh_text(cmd->help);
		(void)putchar('\'');
	}
	(void)printf(" )\n%s", zsh_body);
	for (const struct ctl_command *cmd = ctl_commands; cmd->name != NULL; cmd++)
		zsh_command(cmd);
	(void)printf("\t\tesac ;;\n\tesac\n\treturn ret\n}\n\n_berthctl \"$@\"\n");
}

int
ctl_completion(struct ctl *c, int argc, char **argv)
{
	ctl_arguments(c, argc, argv, 1, 1);
	if (strcmp(argv[optind], "bash") == 0)
		bash_print();
	else if (strcmp(argv[optind], "zsh") == 0)
		zsh_print();
	else
		ctl_usage(c, "%s: expected bash or zsh", argv[optind]);
	return 0;
}
