#include "../../src/pure/siphash.h"

#include "unit.h"

int
main(void)
{
	/* the vectors of the reference implementation: key 00 01 ... 0f, message 00 01 ... */
	static const struct {
		const char *label;
		size_t len;
		uint64_t want;
	} rows[] = {
		{ "no message", 0, 0x726fdb47dd0e0e31 },
		{ "one byte", 1, 0x74f839c593dc67fd },
		{ "seven bytes, one less than a word", 7, 0xab0200f58b01d137 },
		{ "a whole word", 8, 0x93f5f5799a932462 },
		{ "fifteen bytes, the example of the paper", 15, 0xa129ca6149be45e5 },
	};
	uint8_t key[16], data[16];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = data[i] = i;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t got = siphash(key, data, rows[i].len);

		UNIT_CHECK(rows[i].label, got == rows[i].want, "got %016jx, want %016jx", (uintmax_t)got,
		    (uintmax_t)rows[i].want);
	}
	key[15] ^= 1;
	UNIT_CHECK("another key, another hash", siphash(key, data, 15) != rows[4].want, "equal");
	return unit_done();
}
