/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ring's files share: ring.c, the consumer's half, ring_publish.c, the
 * producers', and ring_sweep.c, for producers that died. Private to them.
 */
#ifndef SHM_RING_WORD_H
#define SHM_RING_WORD_H

#include "shm/ring.h"

#include "shm/base/panic.h"

/* Bit of segment_consumer.wake: set and cleared by the consumer only. */
enum {
	WAKE_SLEEPING = 1
};

/* Bits of a record's ctl that are always 0. */
#define RECORD_UNUSED UINT64_C(0xff0)

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

/* The same when it is producer ${id}'s, in another state. */
static inline uint64_t
ref_owned(ring_ref ref, uint16_t id, enum record_state state)
{
	return ((ref & ~REF_INDEX_MASK) | record_ctl(0, id, state));
}

/* The owner's place in a record's ctl. */
#define RECORD_OWNER_MASK (UINT64_C(0xfff) << 12)

/*
 * Is ${ctl} that of the record that ${ref} names, in flight, whoever is to
 * complete it?
 */
static inline bool
is_inflight(uint64_t ctl, ring_ref ref)
{
	return ((ctl & ~RECORD_OWNER_MASK) == ref_inflight(ref));
}

/*
 * Notify of a record that is DONE; by the consumer's own thread. It needs no
 * locked instruction, since nobody else writes the lane (readers of the segment
 * look at it, DONE and `after` before the entry), and no wake test, since the
 * consumer can't be asleep while it runs this and looks at the lane before it
 * sleeps. The lane has room for every record and one more, and none is in it
 * twice.
 */
static inline void
lane_push(struct ring *ring, ring_ref ref)
{
	struct ring_lane *lane = &ring->lane;
	struct lane_entry *entry;

	entry = &ring->segment.lane[lane->tail++ & lane->mask];
	/*
	 * Whatever was published to our knowledge has moved the tail before;
	 * that is all the order we promise, so relaxed will do.
	 */
	atomic_store_explicit(&entry->after,
	    atomic_load_explicit(
		&ring->segment.producers->tail, memory_order_relaxed),
	    memory_order_relaxed);
	/* Behind `after` and DONE; pairs with the loads in reader.c. */
	atomic_store_explicit(&entry->ref, ref, memory_order_release);
}

/*
 * ring_sweep_abandoned(consumer): sweep the threads that have ended in the
 * middle of a publication, and give their ids back.
 */
void ring_sweep_abandoned(struct ring_consumer *consumer);

#endif
