#include "amount.h"

#include <stdio.h>

static const char *
short_duration(double seconds, char *buf, size_t size)
{
	if (seconds < 1e-6)
		(void)snprintf(buf, size, "0ms");
	else if (seconds < 0.01)
		(void)snprintf(buf, size, "%.2gms", seconds * 1e3);
	else if (seconds < 0.9995)
		(void)snprintf(buf, size, "%.0fms", seconds * 1e3);
	else if (seconds < 10)
		(void)snprintf(buf, size, "%.1fs", seconds);
	else
		(void)snprintf(buf, size, "%ds", (int)seconds);
	return buf;
}

const char *
amount_duration(double seconds, char *buf, size_t size)
{
	static const struct { const char *name, *next; long long length, next_length; } units[] = {
		{ "d", "h", 86400, 3600 }, { "h", "min", 3600, 60 }, { "min", "s", 60, 1 },
	};
	size_t i = seconds >= 86400 ? 0 : seconds >= 3600 ? 1 : 2;
	long long s = (long long)seconds, whole, rest;

	if (seconds < 60)
		return short_duration(seconds, buf, size);
	whole = s / units[i].length;
	rest = s % units[i].length / units[i].next_length;
	if (whole < 10 && rest > 0)
		(void)snprintf(buf, size, "%lld%s%lld%s", whole, units[i].name, rest, units[i].next);
	else
		(void)snprintf(buf, size, "%lld%s", whole, units[i].name);
	return buf;
}

const char *
amount_bytes(long long bytes, char *buf, size_t size)
{
	static const char letters[] = "KMGTPE";
	double value = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		(void)snprintf(buf, size, "%lld", bytes > 0 ? bytes : 0);
		return buf;
	}
	for (; value >= 1024 && i + 2 < sizeof(letters); i++)
		value /= 1024;
	if (value < 10)
		(void)snprintf(buf, size, "%.1f%c", (double)(int)(value * 10) / 10, letters[i]);
	else
		(void)snprintf(buf, size, "%d%c", (int)value, letters[i]);
	return buf;
}

const char *
amount_count(long long count, char *buf, size_t size)
{
	char digits[AMOUNT_TEXT_MAX];
	size_t n = (size_t)snprintf(digits, sizeof(digits), "%lld", count), at = 0;

	for (size_t i = 0; i < n && at + 1 < size; i++) {
		if (i > 0 && digits[i - 1] != '-' && (n - i) % 3 == 0 && at + 2 < size)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}
