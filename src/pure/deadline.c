#include "deadline.h"

enum deadline
deadline_check(const struct victim_look *look, int64_t idle_ns, int64_t first_byte_ns,
    int64_t *next_ns)
{
	int64_t idle_left = idle_ns - look->idle_ns, first_left = first_byte_ns - look->age_ns;
	bool waits = first_byte_ns != 0 && look->known && look->received == 0;

	*next_ns = 0;
	if (!look->known && !look->closed) {
		*next_ns = idle_ns != 0 ? idle_ns : first_byte_ns;
		return DEADLINE_NONE;
	}
	if (waits && first_left <= 0)
		return DEADLINE_FIRST_BYTE;
	if (idle_ns != 0 && idle_left <= 0)
		return DEADLINE_IDLE;
	if (idle_ns != 0)
		*next_ns = idle_left;
	if (waits && (*next_ns == 0 || first_left < *next_ns))
		*next_ns = first_left;
	return DEADLINE_NONE;
}
