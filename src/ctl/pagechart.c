#include "pagechart.h"

#include "../pure/amount.h"
#include "../pure/histogram.h"
#include "ctl.h"

#define STEP 6			/* from one bucket to the next, in units of the drawing */
#define WIDTH (HISTOGRAM_BUCKETS * STEP)
#define HEIGHT 40
#define BOUND_LAST_S 5000.0

void
pagechart_bar(struct html *h, long long part, long long whole)
{
	double percent = whole > 0 ? 100.0 * (double)part / (double)whole : 0;

	if (whole <= 0)
		return;
	html_put(h, "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
	    "<rect class=\"room\" width=\"100\" height=\"4\"></rect>"
	    "<rect class=\"used\" width=\"%.2f\" height=\"4\"></rect></svg>", percent < 100 ? percent : 100);
}

/* An upper bound, as the buckets have them. */
static const char *
bound_text(double seconds, char *buf, size_t size)
{
	return seconds > BOUND_LAST_S ? "beyond 1h23min" : amount_duration(seconds, buf, size);
}

/* A quantile of them, with the word that says what kind of bound it is. */
static void
put_quantile(struct html *h, const char *name, double seconds)
{
	char text[AMOUNT_TEXT_MAX];

	html_put(h, "<span class=\"nowrap\"><span class=\"what\">%s</span> %s%s</span> ", name,
	    seconds > BOUND_LAST_S ? "" : "≤ ", bound_text(seconds, text, sizeof(text)));
}

static void
put_caption(struct html *h, const char *name, const json_t *histogram)
{
	char count[AMOUNT_TEXT_MAX];

	html_put(h, "<figcaption><b>%s</b> <span class=\"what\">of %s</span><br>", name,
	    amount_count(ctl_number(histogram, "count"), count, sizeof(count)));
	if (ctl_number(histogram, "count") > 0) {
		put_quantile(h, "half", json_number_value(json_object_get(histogram, "p50")));
		put_quantile(h, "99%", json_number_value(json_object_get(histogram, "p99")));
	} else {
		html_markup(h, "<span class=\"what\">none yet</span>");
	}
	html_markup(h, "</figcaption>");
}

/* What a bucket stands for: "2ms to 5ms: 17" */
static void
put_bucket_title(struct html *h, size_t i, long long n)
{
	char low[AMOUNT_TEXT_MAX], high[AMOUNT_TEXT_MAX], count[AMOUNT_TEXT_MAX];

	(void)amount_duration(i > 0 ? (double)histogram_bound_ns(i - 1) / 1e9 : 0, low, sizeof(low));
	(void)amount_count(n, count, sizeof(count));
	if (i + 1 < HISTOGRAM_BUCKETS)
		html_put(h, "<title>%s to %s: %s</title>", low,
		    amount_duration((double)histogram_bound_ns(i) / 1e9, high, sizeof(high)), count);
	else
		html_put(h, "<title>longer than %s: %s</title>", low, count);
}

/* What occurred once is to be seen beside a million. */
static void
put_column(struct html *h, size_t i, long long n, long long most)
{
	double height = (double)HEIGHT * (double)n / (double)most;

	if (height < 1.5)
		height = 1.5;
	html_put(h, "<rect class=\"used\" x=\"%lld\" y=\"%.2f\" width=\"%lld\" height=\"%.2f\">",
	    (long long)i * STEP, HEIGHT - height, (long long)STEP - 1, height);
	put_bucket_title(h, i, n);
	html_markup(h, "</rect>");
}

static void
put_axis(struct html *h)
{
	static const struct { size_t bucket; const char *text; } marks[] = {
		{ 9, "1ms" }, { 18, "1s" }, { 27, "1000s" },
	};

	html_put(h, "<path class=\"axis\" d=\"M0 %lld H%lld\"></path>", (long long)HEIGHT, (long long)WIDTH);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		long long x = (long long)(marks[i].bucket + 1) * STEP;

		html_put(h, "<path class=\"axis\" d=\"M%lld 0 V%lld\"></path>", x, (long long)HEIGHT + 3);
		html_put(h, "<text x=\"%lld\" y=\"%lld\">%s</text>", x, (long long)HEIGHT + 12, marks[i].text);
	}
}

static long long
most_of(const json_t *buckets)
{
	long long most = 0;
	const json_t *n;
	size_t i;

	json_array_foreach(buckets, i, n)
		if (json_integer_value(n) > most)
			most = json_integer_value(n);
	return most;
}

void
pagechart_histogram(struct html *h, const char *name, const json_t *histogram)
{
	const json_t *buckets = json_object_get(histogram, "buckets"), *n;
	long long most = most_of(buckets);
	size_t i;

	html_markup(h, "<figure>");
	put_caption(h, name, histogram);
	html_put(h, "<svg class=\"histogram\" viewBox=\"0 0 %lld %lld\" role=\"img\" aria-label=\"%s, by duration\">",
	    (long long)WIDTH, (long long)HEIGHT + 14, name);
	put_axis(h);
	json_array_foreach(buckets, i, n)
		if (i < HISTOGRAM_BUCKETS && json_integer_value(n) > 0)
			put_column(h, i, json_integer_value(n), most);
	html_markup(h, "</svg></figure>\n");
}
