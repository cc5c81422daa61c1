/*
 * siphash - a keyed hash that an outsider without the key cannot steer
 *
 * SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein: "SipHash: a fast short-input PRF", 2012).
 */
#ifndef BERTH_SIPHASH_H
#define BERTH_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of len bytes under a key. */
uint64_t siphash(const uint8_t key[16], const void *data, size_t len);

#endif
