/*
 * diag - one explanation of one failure, and lists of them
 *
 * The function that detects a failure explains it once, in a struct diag that
 * the caller gave; whoever decides what follows prints it.  The text is lower
 * case, names the thing first, has no trailing newline, and is always
 * NUL-terminated (cut before a character that does not fit).
 */
#ifndef BERTH_DIAG_H
#define BERTH_DIAG_H

#include <stdarg.h>
#include <stddef.h>

#define DIAG_MAX 512

struct diag {
	char text[DIAG_MAX];
};

/* Replace the text.  `why` may be NULL: then nothing is written. */
void diag_set(struct diag *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void diag_vset(struct diag *why, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Put text in front of what is there: "limits.rate: " and so on. */
void diag_prefix(struct diag *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Text from a file, quoted for a message: "..." with control bytes, '"' and '\\' as \xHH, \" and
 * \\, cut at a character (then it ends in ...").  size at least 8.  Returns buf.
 */
#define DIAG_QUOTE_MAX 96
const char *diag_quote(const char *text, char *buf, size_t size);

/* A list of messages, for a reader that reports every error of a file. */
struct diag_list {
	char **text;		/* owned, `count` strings, each owned */
	size_t count;
};

/* Empty list: `struct diag_list l = {0};`.  Add one message (copied). */
void diag_list_add(struct diag_list *list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Release everything and leave an empty list. */
void diag_list_free(struct diag_list *list);

#endif
