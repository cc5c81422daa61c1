/*
 * Any bytes as an HTTP request, arriving at once or one by one.  With -DREPLAY a program that takes files.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/pure/request.h"
#include "replay.h"

/* What is bad or whole stays so, whatever follows. */
static void
check_progress(const char *buf, size_t size, enum request_progress whole, size_t head)
{
	enum request_progress last = REQUEST_MORE;
	size_t step = size / 64 + 1, at = 0;

	for (size_t n = 0; n <= size; n += step) {
		enum request_progress p = request_progress(buf, n, &at);

		assert(last == REQUEST_MORE || (p == last && p == whole));
		assert(p != REQUEST_WHOLE || at == head);
		last = p;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buf = malloc(size > 0 ? size : 1);
	enum request_progress progress;
	struct request r;
	size_t head = 0;
	int status;

	memcpy(buf, data, size);
	progress = request_progress(buf, size, &head);
	check_progress(buf, size, progress, head);
	if (progress == REQUEST_WHOLE) {
		assert(head >= 4 && head <= size);
		status = request_parse(buf, head, &r);
		assert(status == 0 || status == 400 || status == 505);
		if (status == 0) {
			assert(r.path[0] != '\0' && strchr(r.path, '?') == NULL);
			assert(r.method == REQUEST_OTHER || r.path[0] == '/');
			assert(request_quality(r.accept, "text/plain", "0.0.4") <= 1000);
			(void)request_host_is_literal(r.host);
		}
	}
	free(buf);
	return 0;
}
