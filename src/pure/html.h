/*
 * html - the text of a page, which grows; values cannot become markup
 *
 * Markup is a literal of ours, and whatever is put into it is escaped here and nowhere else: the same
 * way for text and for an attribute in double quotes.  Values have no other place: none goes into a
 * script, a style, an address or the name of an element or attribute.
 */
#ifndef BERTH_HTML_H
#define BERTH_HTML_H

#include <stddef.h>

struct html {
	char *text;		/* owned; a string as soon as something was added */
	size_t len, room;
};

/*
 * Add markup with values in it.  fmt: a literal; %s a string, NULL is ""; %lld; %.2f; %% - and nothing
 * else.  Strings are escaped: & < > " ' become references; control characters, invalid UTF-8,
 * noncharacters, and those that change the direction or the lines of text become \xHH, byte by byte.
 */
void html_put(struct html *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add markup as it stands: a literal. */
void html_markup(struct html *h, const char *markup);

/* Take the text, which the caller frees, and begin anew. */
char *html_take(struct html *h);

#endif
