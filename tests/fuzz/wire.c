/*
 * Any bytes as a Varlink message: a call, or an explanation; a call that was understood can be
 * written and is understood again, and is held to the description of its method.  With -DREPLAY a program that takes
 * files.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/pure/wire.h"
#include "replay.h"

static void
round_trip(const struct wire_call *c)
{
	struct wire_call again;
	struct diag why;
	size_t len;
	char *text = wire_format_call(c->method, c->parameters, c->more, &len);

	assert(text != NULL && text[len - 1] == '\0');
	if (len <= WIRE_CALL_MAX) {
		/* Numbers may come out longer than they went in, so length is no invariant. */
		assert(wire_parse_call(text, len - 1, &again, &why));
		assert(strcmp(again.method, c->method) == 0 && again.more == c->more);
		assert(json_equal(again.parameters, c->parameters));
		wire_call_fini(&again);
	}
	free(text);
}

/* Without the parameters that are bad it is as described, or another one is missing. */
static void
check(const struct wire_call *c)
{
	enum wire_fault fault;
	bool taken = true;
	char *bad;

	while (taken) {
		fault = wire_check_call(c, &bad);
		assert((fault == WIRE_BAD_PARAMETER) == (bad != NULL));
		taken = bad != NULL && json_object_del(c->parameters, bad) == 0;
		free(bad);
	}
	if (fault == WIRE_NO_FAULT)
		assert(json_object_size(c->parameters) <= 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_call call;
	struct wire_reply reply;
	struct diag why;

	why.text[0] = '\0';
	if (wire_parse_call((const char *)data, size, &call, &why)) {
		round_trip(&call);
		check(&call);
		wire_call_fini(&call);
	} else {
		assert(why.text[0] != '\0');
	}
	why.text[0] = '\0';
	if (wire_parse_reply((const char *)data, size, &reply, &why))
		wire_reply_fini(&reply);
	else
		assert(why.text[0] != '\0');
	return 0;
}
