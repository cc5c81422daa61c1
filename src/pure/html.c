#include "html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record.h"
#include "xalloc.h"

static void
append(struct html *h, const char *bytes, size_t len)
{
	if (h->room - h->len <= len) {
		h->room = 2 * h->room + len + 4096;
		h->text = xreallocarray(h->text, h->room, 1);
	}
	memcpy(h->text + h->len, bytes, len);
	h->len += len;
	h->text[h->len] = '\0';
}

/* Of valid UTF-8. */
static uint32_t
code_point(const char *text, size_t len)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (unsigned char)text[0] & first[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)text[i] & 0x3f);
	return c;
}

/* Those that browsers turn into something else than a character in its place. */
static bool
is_odd(uint32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || (c >= 0xfdd0 && c <= 0xfdef) ||
	    (c & 0xfffe) == 0xfffe;
}

static const char *
reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void
append_bytes_escaped(struct html *h, const char *bytes, size_t len)
{
	char hex[8];

	for (size_t i = 0; i < len; i++) {
		(void)snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)bytes[i]);
		append(h, hex, 4);
	}
}

static void
append_escaped(struct html *h, const char *text)
{
	size_t len = strlen(text), n;
	const char *ref;

	for (size_t i = 0; i < len; i += n) {
		n = record_plain_char(text + i, len - i);
		ref = n == 1 ? reference(text[i]) : NULL;
		if (ref != NULL)
			append(h, ref, strlen(ref));
		else if (n > 0 && !is_odd(code_point(text + i, n)))
			append(h, text + i, n);
		else
			append_bytes_escaped(h, text + i, n = n > 0 ? n : 1);
	}
}

/* One value; spec is what follows the '%'.  Its length. */
static size_t
put_value(struct html *h, const char *spec, va_list *ap)
{
	const char *text;
	char number[512];

	if (spec[0] == '%') {
		append(h, "%", 1);
		return 1;
	}
	if (spec[0] == 's') {
		text = va_arg(*ap, const char *);
		append_escaped(h, text != NULL ? text : "");
		return 1;
	}
	if (strncmp(spec, "lld", 3) == 0) {
		(void)snprintf(number, sizeof(number), "%lld", va_arg(*ap, long long));
	} else {
		assert(strncmp(spec, ".2f", 3) == 0);
		(void)snprintf(number, sizeof(number), "%.2f", va_arg(*ap, double));
	}
	append(h, number, strlen(number));
	return 3;
}

void
html_put(struct html *h, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	while (*fmt != '\0') {
		n = strcspn(fmt, "%");
		append(h, fmt, n);
		fmt += n;
		if (*fmt == '%')
			fmt += 1 + put_value(h, fmt + 1, &ap);
	}
	va_end(ap);
}

void
html_markup(struct html *h, const char *markup)
{
	append(h, markup, strlen(markup));
}

char *
html_take(struct html *h)
{
	char *text;

	append(h, "", 0);
	text = h->text;
	*h = (struct html){ 0 };
	return text;
}
