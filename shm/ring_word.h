/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of the ring that its two halves share: ring.c, the consumer's, and
 * ring_publish.c, the producers'. Private to them.
 */
#ifndef SHM_RING_WORD_H
#define SHM_RING_WORD_H

#include "shm/ring.h"

/* Bit of segment_consumer.wake: set and cleared by the consumer only. */
enum {
	WAKE_SLEEPING = 1
};

#define REF_INDEX_MASK ((UINT64_C(1) << 24) - 1)

static inline ring_ref
ref_make(uint64_t generation, uint32_t index)
{
	return (generation << 24 | index);
}

static inline uint32_t
ref_index(ring_ref ref)
{
	return ((uint32_t)(ref & REF_INDEX_MASK));
}

/* The ctl word of the record that ${ref} names while it is in flight. */
static inline uint64_t
ref_inflight(ring_ref ref)
{
	return ((ref & ~REF_INDEX_MASK) | RECORD_INFLIGHT);
}

#endif
