/*
 * unit - the few words that unit tests need; prints TAP
 */
#ifndef BERTH_UNIT_H
#define BERTH_UNIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int unit_count, unit_failures;

/*
 * One check: "ok N - label"; when cond is false "not ok N - label", and the formatted text (both
 * sides, please) as a comment below it.
 */
#define UNIT_CHECK(label, cond, ...) unit_check((label), (cond), __FILE__, __LINE__, __VA_ARGS__)

static void unit_check(const char *label, bool cond, const char *file, int line, const char *fmt,
    ...) __attribute__((format(printf, 5, 6)));

static void
unit_check(const char *label, bool cond, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - %s\n", cond ? "" : "not ", ++unit_count, label);
	if (cond)
		return;
	unit_failures++;
	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* The plan, at the end; returns the exit status. */
static int
unit_done(void)
{
	printf("1..%d\n", unit_count);
	return unit_failures > 0;
}

#endif
