/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring, design R1, the producers' half: step 9 in the life of
 * a request, on whichever thread of a worker an operation ends. README.md has
 * the table of who pairs with whom.
 */
#include "shm/ring_word.h"


#include <errno.h>
#include <sys/syscall.h>
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
	atomic_init(&producer->publishing, false);
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
	/*
	 * It fails only when the counter is full: then it is readable too. Not
	 * write(3), which is a cancellation point: a thread that is cancelled
	 * here would leave the consumer asleep.
	 */
	(void)syscall(SYS_write, ring->wake_fd, &one, sizeof(one));
	errno = saved_errno;
}

void
ring_producer_fini(struct ring_producer *producer)
{
	struct ring *ring = producer->ring;
	const uint64_t bit = UINT64_C(1) << producer->id;
	const bool used = producer->id >= PRODUCER_THREADS;

	producer->id = PRODUCER_NONE;
	if (!used)
		return;
	if (atomic_load_explicit(&producer->publishing, memory_order_relaxed)) {
		/* Dekker's publication: pairs with ring_may_sleep(). */
		atomic_fetch_or_explicit(
		    &ring->abandoned, bit, memory_order_seq_cst);
		wake_consumer(ring);
		return;
	}
	/* Pairs with the acquire in take_thread_id(). */
	atomic_fetch_and_explicit(
	    &ring->thread_ids, ~bit, memory_order_release);
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

/*
 * The caller's thread may be ended in the middle, by an asynchronous cancel or
 * by a signal's handler: `publishing` tells ring_producer_fini(). Apart, so
 * that the dispatch thread's path stays a leaf without a frame.
 */
static __attribute__((noinline)) void
finish_from_thread(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	atomic_store_explicit(
	    &producer->publishing, true, memory_order_release);
	write_result(producer, ref, bytes, status, aux, 0);
	notify_from_thread(producer, ref_index(ref));
	atomic_store_explicit(
	    &producer->publishing, false, memory_order_release);
}

static inline void
finish_from_dispatch(struct ring_producer *producer, ring_ref ref,
    int64_t bytes, int32_t status, uint64_t aux)
{
	struct ring *ring = producer->ring;

	/* The turn's time: a clock read would cost twice all the rest. */
	write_result(producer, ref, bytes, status, aux,
	    atomic_load_explicit(
		&ring->segment.consumer->turn_ns, memory_order_relaxed));
	lane_push(ring, ref);
}

void
ring_publish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	const struct segment *segment = &producer->ring->segment;

	/* Two holders of one reference would be our own bug. */
	bh_assert(ref_index(ref) < segment->geometry.records &&
		  is_inflight(atomic_load_explicit(
				  &segment->records[ref_index(ref)].ctl,
				  memory_order_relaxed),
		      ref));
	if (producer->id == PRODUCER_DISPATCH)
		finish_from_dispatch(producer, ref, bytes, status, aux);
	else
		finish_from_thread(producer, ref, bytes, status, aux);
}

/*
 * The claim: who wins it alone may write the result. Acquire pairs with the
 * release stores in ring_reserve() and ring_rearm(): what the last completion
 * left in the record was read before we write. The second try is for a record
 * that ring_assign() has given to a producer.
 */
static bool
claim(struct ring_producer *producer, ring_ref ref)
{
	const struct segment *segment = &producer->ring->segment;
	const uint64_t claimed = (ref & ~REF_INDEX_MASK) |
				 record_ctl(0, producer->id, RECORD_CLAIMED);
	uint64_t expected = ref_inflight(ref);
	int tries;

	for (tries = 0; tries < 2; tries++) {
		if (atomic_compare_exchange_strong_explicit(
			&segment->records[ref_index(ref)].ctl, &expected,
			claimed, memory_order_acq_rel, memory_order_relaxed))
			return (true);
		if (!is_inflight(expected, ref))
			break;
	}
	return (false);
}

int
ring_try_publish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	bool claimed;

	if (ref_index(ref) >= producer->ring->segment.geometry.records)
		return (-ESTALE);
	if (producer->id == PRODUCER_DISPATCH) {
		claimed = claim(producer, ref);
		if (claimed)
			finish_from_dispatch(producer, ref, bytes, status, aux);
		return (claimed ? 0 : -ESTALE);
	}
	atomic_store_explicit(
	    &producer->publishing, true, memory_order_release);
	claimed = claim(producer, ref);
	if (claimed)
		finish_from_thread(producer, ref, bytes, status, aux);
	atomic_store_explicit(
	    &producer->publishing, false, memory_order_release);
	return (claimed ? 0 : -ESTALE);
}
