#include "text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void
text_append(char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

char *
text_vmake(const char *fmt, va_list ap)
{
	char *text;
	int n = vasprintf(&text, fmt, ap);

	assert(n >= 0);
	return text;
}

char *
text_make(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_vmake(fmt, ap);
	va_end(ap);
	return text;
}
