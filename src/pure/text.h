/*
 * text - texts that are put together
 */
#ifndef BERTH_TEXT_H
#define BERTH_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Add to the string in buf, as far as there is room. */
void text_append(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As asprintf(3), but there is memory or an abort.  The caller frees. */
char *text_make(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *text_vmake(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
