/*
 * lines - cut a stream of bytes into lines of bounded length
 */
#ifndef BERTH_LINES_H
#define BERTH_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define LINES_MAX 4096		/* bytes of one line that are kept */

/*
 * What is left over between two reads.  Starts as {0}; the buffer is allocated only when a line
 * was incomplete at the end of a read, and freed when it ended, so that a quiet pipe costs nothing.
 */
struct lines {
	char *part;		/* owned; the beginning of an unfinished line */
	size_t len, room;
	bool skip;		/* the line was cut: bytes up to its newline are dropped */
};

/*
 * Called for each line without its newline (and without a '\r' before it); cut: the line was longer than LINES_MAX
 * and these are its first LINES_MAX bytes.
 */
typedef void lines_emit(void *arg, const char *line, size_t len, bool cut);

/* Feed bytes as they were read. */
void lines_feed(struct lines *l, const char *bytes, size_t len, lines_emit *emit, void *arg);

/* End of stream: an unfinished line is emitted (an empty one is not).  Frees; leaves {0}. */
void lines_end(struct lines *l, lines_emit *emit, void *arg);

#endif
