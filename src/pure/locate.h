/*
 * locate - where in a file a key stands, for messages that name it: "limits.rate", "exec[1]"
 */
#ifndef BERTH_LOCATE_H
#define BERTH_LOCATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The line, from 1, of what a dotted path leads to in a JSON text that has been parsed before.  What is not there itself has
 * the line of the innermost of its parents.  false: not even the first name of the path is there.
 */
bool locate_key(const char *text, size_t len, const char *path, unsigned *line);

/*
 * The path that an error of spec_parse() names, after "FILE: ": `limits.rate: expected ...`, or
 * `"limits.rat" is not a known key`.  false: it names none, or more than buf holds.
 */
bool locate_path(const char *message, char *buf, size_t size);

#endif
