/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring, design R1, the producers' half: step 9 in the life of
 * a request, on whichever thread of a worker an operation ends. README.md has
 * the table of who pairs with whom.
 */
#include "shm/ring_word.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
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
	 * Bit before summary; pairs with take_from_bitmap(), which clears the
	 * summary before it looks at the bits. The old values aren't
	 * used, so that gcc emits a single `lock or` and not a loop.
	 */
	atomic_fetch_or_explicit(&words->bitmap[word],
	    UINT64_C(1) << (index % 64), memory_order_seq_cst);
	atomic_fetch_or_explicit(
	    &words->summary, UINT64_C(1) << (word % 64), memory_order_seq_cst);
}

/*
 * The one publishing instruction: fill the entry of ${ticket}, which is ours.
 * Pairs with the acquire load in take_from_ring(). False when the consumer has
 * poisoned the ticket in the meantime.
 */
static inline bool
fill(struct ring *ring, uint64_t ticket, uint32_t index)
{
	const uint32_t log2 = ring->segment.geometry.entries_log2;
	uint64_t expected = entry_free(ticket, log2);

	return (atomic_compare_exchange_strong_explicit(
	    &ring->segment.entries[ticket & ring->mask], &expected,
	    entry_full(ticket, log2, index), memory_order_seq_cst,
	    memory_order_relaxed));
}

/* Take the next ${count} tickets: how Dekker's publication begins. */
static inline uint64_t
take_tickets(struct ring *ring, size_t count)
{
	/* Pairs with ring_may_sleep(). */
	return (atomic_fetch_add_explicit(
	    &ring->segment.producers->tail, count, memory_order_seq_cst));
}

/* Notify of a record that is DONE; by a thread other than the consumer's. */
static inline void
notify(struct ring_producer *producer, uint32_t index)
{
	struct ring *ring = producer->ring;
	int tries;

	for (tries = 0; producer->id != PRODUCER_NONE && tries < TICKET_TRIES;
	     tries++)
		if (fill(ring, take_tickets(ring, 1), index))
			return;
	notify_by_bitmap(ring, index);
}

/*
 * Notify of at most SEGMENT_BATCH records. Behind a ticket that was poisoned
 * they go on with the next one, so that they come in their order.
 */
static void
notify_batch(struct ring_producer *producer, const struct ring_result *results,
    size_t count)
{
	struct ring *ring = producer->ring;
	uint64_t end, ticket;
	size_t told = 0;
	int tries;

	for (tries = 0; producer->id != PRODUCER_NONE && told < count &&
			tries < TICKET_TRIES;
	     tries++) {
		ticket = take_tickets(ring, count - told);
		for (end = ticket + count - told; ticket != end; ticket++)
			told +=
			    fill(ring, ticket, ref_index(results[told].ref));
	}
	for (; told < count; told++)
		notify_by_bitmap(ring, ref_index(results[told].ref));
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
	    ref_owned(ref, producer->id, RECORD_DONE), memory_order_release);
}

/*
 * The claim of one that needs no race: from here on a sweep knows whose the
 * operation is. Only a death looks at it, and a thread that has died has done
 * all its stores: it is the compiler alone that must not put it later.
 */
static inline void
claim_alone(struct ring_producer *producer, ring_ref ref)
{
	atomic_store_explicit(
	    &producer->ring->segment.records[ref_index(ref)].ctl,
	    ref_owned(ref, producer->id, RECORD_CLAIMED), memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
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
	uint64_t expected = ref_inflight(ref);
	int tries;

	for (tries = 0; tries < 2; tries++) {
		if (atomic_compare_exchange_strong_explicit(
			&segment->records[ref_index(ref)].ctl, &expected,
			ref_owned(ref, producer->id, RECORD_CLAIMED),
			memory_order_acq_rel, memory_order_relaxed))
			return (true);
		if (!is_inflight(expected, ref))
			break;
	}
	return (false);
}

/* How records come to be ours. */
enum claiming {
	CLAIM_ALONE,
	CLAIM_RACING,
};

/*
 * The caller's thread may be ended in the middle, by an asynchronous cancel or
 * by a signal's handler: that tells ring_producer_fini(). Release keeps what
 * was done before it lowers the flag; the fence, that the compiler doesn't put
 * what is done after it is raised, a relaxed CLAIMED first, before it. It is
 * no instruction.
 */
static inline void
set_publishing(struct ring_producer *producer, bool publishing)
{
	atomic_store_explicit(
	    &producer->publishing, publishing, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
}

/* Complete one operation; false when the claim is lost, where it races. */
static inline bool
complete(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux, enum claiming claiming)
{
	bool claimed = true;

	set_publishing(producer, true);
	if (claiming == CLAIM_RACING)
		claimed = claim(producer, ref);
	else
		claim_alone(producer, ref);
	if (claimed) {
		write_result(producer, ref, bytes, status, aux, 0);
		notify(producer, ref_index(ref));
		wake_consumer(producer->ring);
	}
	set_publishing(producer, false);
	return (claimed);
}

/* Complete at most SEGMENT_BATCH operations, whose only holder we are. */
static void
complete_batch(struct ring_producer *producer,
    const struct ring_result *results, size_t count)
{
	size_t i;

	set_publishing(producer, true);
	for (i = 0; i < count; i++) {
		claim_alone(producer, results[i].ref);
		write_result(producer, results[i].ref, results[i].bytes,
		    results[i].status, results[i].aux, 0);
	}
	notify_batch(producer, results, count);
	wake_consumer(producer->ring);
	set_publishing(producer, false);
}

/*
 * What a thread without an id left in the middle nobody could sweep, for its
 * claims are nobody's in particular. So it can't be ended there: neither a
 * cancel nor a signal's handler gets to it. Two system calls for each
 * publication, of threads beyond the ids alone.
 */
struct held_off {
	sigset_t signals;
	int cancel_state;
};

static void
hold_off(struct held_off *ret_before)
{
	sigset_t all;

	(void)pthread_setcancelstate(
	    PTHREAD_CANCEL_DISABLE, &ret_before->cancel_state);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &ret_before->signals);
}

static void
let_come(const struct held_off *before)
{
	(void)pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
	(void)pthread_setcancelstate(before->cancel_state, NULL);
}

static __attribute__((noinline)) bool
complete_without_id(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux, enum claiming claiming)
{
	struct held_off before;
	bool claimed;

	hold_off(&before);
	claimed = complete(producer, ref, bytes, status, aux, claiming);
	let_come(&before);
	return (claimed);
}

/* Apart, so that the dispatch thread's path stays a leaf without a frame. */
static __attribute__((noinline)) bool
publish_from_thread(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux, enum claiming claiming)
{
	if (producer->id == PRODUCER_NONE)
		return (complete_without_id(
		    producer, ref, bytes, status, aux, claiming));
	return (complete(producer, ref, bytes, status, aux, claiming));
}

static inline void
publish_from_dispatch(struct ring_producer *producer, ring_ref ref,
    int64_t bytes, int32_t status, uint64_t aux)
{
	struct ring *ring = producer->ring;

	/* The turn's time: a clock read would cost twice all the rest. */
	write_result(producer, ref, bytes, status, aux,
	    atomic_load_explicit(
		&ring->segment.consumer->turn_ns, memory_order_relaxed));
	lane_push(ring, ref);
}

/* Two holders of one reference would be our own bug. */
static inline void
assert_inflight(const struct ring_producer *producer, ring_ref ref)
{
	const struct segment *segment = &producer->ring->segment;

	bh_assert(ref_index(ref) < segment->geometry.records &&
		  is_inflight(atomic_load_explicit(
				  &segment->records[ref_index(ref)].ctl,
				  memory_order_relaxed),
		      ref));
}

void
ring_publish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	assert_inflight(producer, ref);
	if (producer->id == PRODUCER_DISPATCH)
		publish_from_dispatch(producer, ref, bytes, status, aux);
	else
		(void)publish_from_thread(
		    producer, ref, bytes, status, aux, CLAIM_ALONE);
}

void
ring_publish_batch(struct ring_producer *producer,
    const struct ring_result *results, size_t count)
{
	struct held_off before;
	size_t i, some;

	for (i = 0; i < count; i++)
		assert_inflight(producer, results[i].ref);
	if (producer->id == PRODUCER_DISPATCH) {
		for (i = 0; i < count; i++)
			publish_from_dispatch(producer, results[i].ref,
			    results[i].bytes, results[i].status,
			    results[i].aux);
		return;
	}
	if (producer->id == PRODUCER_NONE)
		hold_off(&before);
	for (; count > 0; results += some, count -= some) {
		some = count < SEGMENT_BATCH ? count : SEGMENT_BATCH;
		complete_batch(producer, results, some);
	}
	if (producer->id == PRODUCER_NONE)
		let_come(&before);
}

int
ring_try_publish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux)
{
	bool claimed;

	if (ref_index(ref) >= producer->ring->segment.geometry.records)
		return (-ESTALE);
	if (producer->id != PRODUCER_DISPATCH) {
		claimed = publish_from_thread(
		    producer, ref, bytes, status, aux, CLAIM_RACING);
	} else {
		claimed = claim(producer, ref);
		if (claimed)
			publish_from_dispatch(
			    producer, ref, bytes, status, aux);
	}
	return (claimed ? 0 : -ESTALE);
}
