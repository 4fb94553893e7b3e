/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring, design R1, the producers' half: step 9 in the life of
 * a request, on whichever thread of a worker an operation ends. README.md has
 * the table of who pairs with whom.
 */
#include "shm/ring_word.h"

#include "shm/base/clock.h"
#include "shm/base/panic.h"

#include <errno.h>
#include <unistd.h>

enum {
	TICKET_TRIES = 3
}; /* then the bitmap, so publishing is bounded */

/* Take a free thread id below the segment's number of producers, or 0. */
static uint16_t
take_thread_id(struct ring *ring)
{
	const uint32_t limit = ring->segment.geometry.producers;
	uint64_t used;
	uint32_t id;

	used = atomic_load_explicit(&ring->thread_ids, memory_order_relaxed);
	for (;;) {
		for (id = PRODUCER_THREADS; id < limit; id++)
			if ((used >> id & 1) == 0)
				break;
		if (id >= limit)
			return (PRODUCER_NONE);
		/*
		 * Acquire: the new owner comes after all that the old one did;
		 * pairs with the release in ring_producer_fini().
		 */
		if (atomic_compare_exchange_weak_explicit(&ring->thread_ids,
			&used, used | UINT64_C(1) << id, memory_order_acquire,
			memory_order_relaxed))
			return ((uint16_t)id);
	}
}

void
ring_producer_init(
    struct ring_producer *producer, struct ring *ring, uint16_t id)
{
	bh_assert(id == PRODUCER_NONE || id == PRODUCER_DISPATCH);
	producer->ring = ring;
	producer->id = id == PRODUCER_NONE ? take_thread_id(ring) : id;
	producer->sequence = 0;
}

void
ring_producer_fini(struct ring_producer *producer)
{
	if (producer->id >= PRODUCER_THREADS)
		/* Pairs with the acquire in take_thread_id(). */
		(void)atomic_fetch_and_explicit(&producer->ring->thread_ids,
		    ~(UINT64_C(1) << producer->id), memory_order_release);
	producer->id = PRODUCER_NONE;
}

/* Write the eventfd if the consumer says that it sleeps, or is about to. */
static void
wake_consumer(struct ring *ring)
{
	const uint64_t one = 1;
	int saved_errno;

	/*
	 * Dekker, our half: the publication before this load is seq_cst; pairs
	 * with the store and the loads in ring_may_sleep(). Either we see
	 * SLEEPING, or the consumer sees what we published. The flag stays
	 * up: only the consumer takes it down, lest a producer that dies here
	 * leave it asleep with the flag down.
	 */
	if ((atomic_load_explicit(
		 &ring->segment.consumer->wake, memory_order_seq_cst) &
		WAKE_SLEEPING) == 0)
		return;
	saved_errno = errno;
	/* It fails only when the counter is full: then it is readable too. */
	(void)!write(ring->wake_fd, &one, sizeof(one));
	errno = saved_errno;
}

/* Notify of a record through the bitmap; needs no ticket and can't fail. */
static void
notify_by_bitmap(struct ring *ring, uint32_t index)
{
	struct segment_producers *words = ring->segment.producers;
	const uint32_t word = index / 64;

	/*
	 * Bit before summary; pairs with take_from_word(), which clears the
	 * summary before it looks at the bits once more. The old values aren't
	 * used, so that gcc emits a single `lock or` and not a loop.
	 */
	atomic_fetch_or_explicit(&words->bitmap[word],
	    UINT64_C(1) << (index % 64), memory_order_seq_cst);
	atomic_fetch_or_explicit(
	    &words->summary, UINT64_C(1) << (word % 64), memory_order_seq_cst);
}

/* Notify of a record that is DONE; by a thread other than the consumer's. */
static void
notify_from_thread(struct ring_producer *producer, uint32_t index)
{
	struct ring *ring = producer->ring;
	const uint32_t log2 = ring->segment.geometry.entries_log2;
	uint64_t expected, ticket;
	int tries;

	for (tries = 0; producer->id != PRODUCER_NONE && tries < TICKET_TRIES;
	     tries++) {
		/* Dekker's publication: pairs with ring_may_sleep(). */
		ticket = atomic_fetch_add_explicit(
		    &ring->segment.producers->tail, 1, memory_order_seq_cst);
		expected = entry_free(ticket, log2);
		/*
		 * The one publishing instruction; pairs with the acquire load
		 * in ring_consume(). It fails only when the consumer has
		 * poisoned the ticket in the meantime.
		 */
		if (atomic_compare_exchange_strong_explicit(
			&ring->segment.entries[ticket & ring->mask], &expected,
			entry_full(ticket, log2, index), memory_order_seq_cst,
			memory_order_relaxed)) {
			wake_consumer(ring);
			return;
		}
	}
	notify_by_bitmap(ring, index);
	wake_consumer(ring);
}

/*
 * Notify of a record that is DONE; by the consumer's own thread. It needs no
 * atomic instruction, since nobody else looks at the lane, and no wake test,
 * since the consumer can't be asleep while it runs this and looks at the lane
 * before it sleeps. The lane has room for every record and none is in it
 * twice.
 */
static inline void
notify_from_dispatch(struct ring *ring, uint32_t index)
{
	struct ring_lane *lane = &ring->lane;
	struct ring_lane_entry *entry;

	entry = &lane->entries[lane->tail++ & lane->mask];
	/*
	 * Whatever was published to our knowledge has moved the tail before;
	 * that is all the order we promise, so relaxed will do.
	 */
	entry->after = atomic_load_explicit(
	    &ring->segment.producers->tail, memory_order_relaxed);
	entry->index = index;
}

/*
 * Write the result into a record that is ours and make it DONE. The store of
 * DONE is where the completion becomes final.
 */
static inline void
write_result(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux, uint64_t now)
{
	struct op_record *record;

	record = &producer->ring->segment.records[ref_index(ref)];
	record->time_ns = now;
	record->bytes = bytes;
	record->status = status;
	record->completer = producer->id;
	record->sequence = ++producer->sequence;
	record->aux = aux;
	/* Pairs with the acquire load of ctl in take_record(). */
	atomic_store_explicit(&record->ctl,
	    (ref & ~REF_INDEX_MASK) | record_ctl(0, producer->id, RECORD_DONE),
	    memory_order_release);
}

/* Apart, so that the dispatch thread's path stays a leaf without a frame. */
static __attribute__((noinline)) void
finish_from_thread(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	write_result(producer, ref, bytes, status, aux, clock_now());
	notify_from_thread(producer, ref_index(ref));
}

static inline void
finish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	struct ring *ring = producer->ring;

	if (producer->id != PRODUCER_DISPATCH) {
		finish_from_thread(producer, ref, bytes, status, aux);
		return;
	}
	/* The turn's time: a clock read would cost twice all the rest. */
	write_result(producer, ref, bytes, status, aux,
	    atomic_load_explicit(
		&ring->segment.consumer->turn_ns, memory_order_relaxed));
	notify_from_dispatch(ring, ref_index(ref));
}

void
ring_publish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	const struct segment *segment = &producer->ring->segment;

	/* Two holders of one reference would be our own bug. */
	bh_assert(ref_index(ref) < segment->geometry.records &&
		  atomic_load_explicit(&segment->records[ref_index(ref)].ctl,
		      memory_order_relaxed) == ref_inflight(ref));
	finish(producer, ref, bytes, status, aux);
}

int
ring_try_publish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	const struct segment *segment = &producer->ring->segment;
	uint64_t expected = ref_inflight(ref);

	if (ref_index(ref) >= segment->geometry.records)
		return (-ESTALE);
	/*
	 * The claim: who wins it alone may write the result. Acquire pairs
	 * with the release stores in ring_reserve() and ring_rearm(): what the
	 * last completion left in the record was read before we write.
	 */
	if (!atomic_compare_exchange_strong_explicit(
		&segment->records[ref_index(ref)].ctl, &expected,
		(ref & ~REF_INDEX_MASK) |
		    record_ctl(0, producer->id, RECORD_CLAIMED),
		memory_order_acq_rel, memory_order_relaxed))
		return (-ESTALE);
	finish(producer, ref, bytes, status, aux);
	return (0);
}
