/*
 * Any bytes as a PROXY header: the parser says the same for every way in which they arrive, asks for
 * more bytes than it has and never for one behind the header, explains what is bad, and understands
 * what it writes.  With -DREPLAY a program that takes files.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/pure/proxy.h"
#include "replay.h"

/* Of a copy of exactly this size: reading beyond it is seen. */
static enum proxy_outcome
parse(const uint8_t *data, size_t size, struct proxy_header *h, size_t *need)
{
	uint8_t *exact = calloc(size > 0 ? size : 1, 1);
	struct diag why = { "" };
	enum proxy_outcome o;

	assert(exact != NULL);
	if (size > 0)
		memcpy(exact, data, size);
	o = proxy_parse(exact, size, h, need, &why);
	assert(size == 0 || memcmp(exact, data, size) == 0);
	assert((o == PROXY_BAD) == (why.text[0] != '\0'));
	for (const char *c = why.text; *c != '\0'; c++)
		assert(*c >= ' ' && *c < 0x7f);
	if (o == PROXY_MORE)
		assert(*need > size && *need <= PROXY_HEADER_MAX);
	free(exact);
	return o;
}

static void
check_written(const struct proxy_header *h, const uint8_t *buf, size_t len)
{
	struct proxy_header again;
	size_t need;

	assert(len <= PROXY_LINE_MAX);
	assert(parse(buf, len, &again, &need) == PROXY_DONE && again.length == len);
	assert(again.local == h->local);
	assert(addr_equal(&again.source, &h->source));
	assert(addr_equal(&again.destination, &h->destination));
}

static void
check_done(const struct proxy_header *h, size_t size)
{
	uint8_t buf[PROXY_FORMAT_MAX];

	assert(h->length >= 15 && h->length <= size);
	assert(h->local == (h->source.len == 0) && h->local == (h->destination.len == 0));
	check_written(h, buf, proxy_format_v1(buf, &h->source, &h->destination));
	check_written(h, buf, proxy_format_v2(buf, h->local, &h->source, &h->destination));
}

/* Each beginning of what came to o at last; the first that is not MORE decides for all that are longer. */
static void
check_beginnings(const uint8_t *data, size_t size, enum proxy_outcome o, size_t end)
{
	struct proxy_header h;
	size_t need, before = 0;
	enum proxy_outcome now = PROXY_MORE;

	for (size_t len = 0; len <= size && now == PROXY_MORE; len++) {
		now = parse(data, len, &h, &need);
		if (now != PROXY_MORE)
			assert(now == o && (o == PROXY_BAD || len == end));
		else
			assert(need >= before && (o == PROXY_BAD || need <= end));
		before = need;
	}
	assert(now == o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header h;
	size_t need = 0;
	enum proxy_outcome o = parse(data, size, &h, &need);

	if (o == PROXY_DONE)
		check_done(&h, size);
	check_beginnings(data, size, o, o == PROXY_DONE ? h.length : need);
	return 0;
}
