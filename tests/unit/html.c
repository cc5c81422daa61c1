#include "../../src/pure/html.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void
check(const char *label, struct html *h, const char *want)
{
	char *got = html_take(h);

	UNIT_CHECK(label, strcmp(got, want) == 0, "got \"%s\", want \"%s\"", got, want);
	free(got);
}

static void
test_escape(void)
{
	static const struct { const char *label, *input, *want; } rows[] = {
		{ "text is text", "an echo", "an echo" },
		{ "no string is nothing", NULL, "" },
		{ "the empty one too", "", "" },
		{ "no element", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;" },
		{ "no end of an attribute", "\" onclick=\"x", "&quot; onclick=&quot;x" },
		{ "of neither kind", "' onclick='x", "&#39; onclick=&#39;x" },
		{ "no reference", "&lt;", "&amp;lt;" },
		{ "no end of a comment", "-->", "--&gt;" },
		{ "a percent sign is no value", "%s%n", "%s%n" },
		{ "no line", "a\nb\r", "a\\x0ab\\x0d" },
		{ "no control character", "\x1b[31m\x7f", "\\x1b[31m\\x7f" },
		{ "nor one of C1", "\xc2\x9b", "\\xc2\\x9b" },
		{ "other scripts are text", "\xc3\xa9\xe6\xb8\xaf\xf0\x9f\x9a\xa2", "\xc3\xa9\xe6\xb8\xaf\xf0\x9f\x9a\xa2" },
		{ "a byte that is none of UTF-8", "a\xff<", "a\\xff&lt;" },
		{ "an overlong less-than", "\xc0\xbc", "\\xc0\\xbc" },
		{ "a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "a character that is cut", "\xe6\xb8", "\\xe6\\xb8" },
		{ "no other direction", "\xe2\x80\xae" "gpj", "\\xe2\\x80\\xaegpj" },
		{ "no isolate", "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
		{ "no Arabic mark", "\xd8\x9c", "\\xd8\\x9c" },
		{ "no line separator", "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
		{ "no byte order mark", "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },
		{ "no noncharacter", "\xef\xbf\xbe\xef\xb7\x90", "\\xef\\xbf\\xbe\\xef\\xb7\\x90" },
		{ "nor one of another plane", "\xf0\x9f\xbf\xbf", "\\xf0\\x9f\\xbf\\xbf" },
		{ "the replacement character is one", "\xef\xbf\xbd", "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct html h = { 0 };

		html_put(&h, "%s", rows[i].input);
		check(rows[i].label, &h, rows[i].want);
	}
}

static void
test_put(void)
{
	struct html h = { 0 };
	size_t want = 0;
	char *text;

	check("nothing added is the empty string", &h, "");
	html_put(&h, "<td title=\"%s\">%lld%% <b>%s</b>%.2f</td>", "a\"b", -5LL, "<", 1.005);
	check("values in markup, in their order", &h,
	    "<td title=\"a&quot;b\">-5% <b>&lt;</b>1.00</td>");
	html_put(&h, "<p>");
	html_markup(&h, "100% %s");
	check("markup stands as it is", &h, "<p>100% %s");
	for (; want < 100000; want += 10)
		html_put(&h, "<i>%s</i>", "abc");
	UNIT_CHECK("it grows", h.len == want, "got %zu, want %zu", h.len, want);
	text = html_take(&h);
	UNIT_CHECK("to the end", strcmp(text + want - 10, "<i>abc</i>") == 0, "got %s", text + want - 10);
	UNIT_CHECK("taken, it begins anew", h.text == NULL && h.len == 0 && h.room == 0, "it has %zu", h.len);
	free(text);
}

int
main(void)
{
	test_escape();
	test_put();
	return unit_done();
}
