/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring, design R1, the consumer's half: credits, and the
 * completions that a worker's dispatch thread takes. README.md has the table
 * of who pairs with whom.
 */
#include "shm/ring_word.h"

#include <errno.h>
#include <stdlib.h>

enum {
	/*
	 * How often the consumer looks at a ticket that is taken but not
	 * filled, with a pause between: 1 to 2 microseconds in all, against
	 * some 20 ns that a running producer needs.
	 */
	POISON_SPINS = 40,
};

static const uint64_t GENERATION_MASK = (UINT64_C(1) << 40) - 1;

static inline void
cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

void
ring_init(struct ring *ring, const struct segment *segment, int wake_fd)
{
	ring->segment = *segment;
	ring->mask = (UINT64_C(1) << segment->geometry.entries_log2) - 1;
	ring->lane = (struct ring_lane){
		.mask = segment_lane_entries(&segment->geometry) - 1,
	};
	ring->wake_fd = wake_fd;
	atomic_init(&ring->thread_ids, 0);
	atomic_init(&ring->abandoned, 0);
}

int
ring_consumer_init(struct ring_consumer *consumer, struct ring *ring)
{
	const struct segment *segment = &ring->segment;
	const uint32_t records = segment->geometry.records;
	uint64_t ticket;
	uint32_t i;

	*consumer = (struct ring_consumer){ .ring = ring };
	consumer->free_records = calloc(records, sizeof(uint32_t));
	consumer->generations = calloc(records, sizeof(uint64_t));
	consumer->told = calloc(records / 64, sizeof(uint64_t));
	if (consumer->free_records == NULL || consumer->generations == NULL ||
	    consumer->told == NULL) {
		ring_consumer_free(consumer);
		return (-ENOMEM);
	}
	for (i = 0; i < records; i++) {
		consumer->free_records[i] = records - 1 - i;
		consumer->generations[i] = 1;
		atomic_store_explicit(&segment->records[i].ctl,
		    record_ctl(1, 0, RECORD_FREE), memory_order_relaxed);
	}
	consumer->free_count = records;
	for (ticket = 0; ticket <= ring->mask; ticket++)
		atomic_store_explicit(&segment->entries[ticket],
		    entry_free(ticket, segment->geometry.entries_log2),
		    memory_order_relaxed);
	for (i = 0; i < records / 64; i++)
		atomic_store_explicit(
		    &segment->producers->bitmap[i], 0, memory_order_relaxed);
	atomic_store_explicit(
	    &segment->producers->summary, 0, memory_order_relaxed);
	atomic_store_explicit(
	    &segment->producers->tail, 0, memory_order_relaxed);
	atomic_store_explicit(
	    &segment->consumer->head, 0, memory_order_relaxed);
	atomic_store_explicit(
	    &segment->consumer->wake, 0, memory_order_relaxed);
	return (0);
}

void
ring_consumer_free(struct ring_consumer *consumer)
{
	free(consumer->free_records);
	free(consumer->generations);
	free(consumer->told);
	*consumer = (struct ring_consumer){ .ring = NULL };
}

/*
 * Begin the next generation of the record that ${ref} names now, so that
 * references to the last one are stale from here on. Private: what the segment
 * says is only a copy. Computed from the reference, not from the table: that
 * would be a wait for memory on the way from one completion to the next.
 */
static inline ring_ref
next_generation(struct ring_consumer *consumer, ring_ref ref)
{
	uint64_t next;

	next = ((ref >> 24) + 1) & GENERATION_MASK;
	if (next == 0)
		next = 1;
	consumer->generations[ref_index(ref)] = next;
	return (ref_make(next, ref_index(ref)));
}

/* Does ${ref} name a record in its present generation? */
static inline bool
is_current(const struct ring_consumer *consumer, ring_ref ref)
{
	const uint32_t index = ref_index(ref);

	return (index < consumer->ring->segment.geometry.records &&
		ref_make(consumer->generations[index], index) == ref);
}

int
ring_reserve(struct ring_consumer *consumer, enum ring_credit credit,
    uint16_t op, uint64_t conn, uint64_t token, ring_ref *ret_ref)
{
	const uint32_t keep =
	    credit == CREDIT_CONTROL ? 0 : RING_CONTROL_RESERVE;
	struct op_record *record;
	ring_ref ref;
	uint32_t index;

	bh_assert(op < SEGMENT_OPERATIONS);
	if (consumer->free_count <= keep)
		return (-EAGAIN);
	index = consumer->free_records[--consumer->free_count];
	ref = ref_make(consumer->generations[index], index);
	record = &consumer->ring->segment.records[index];
	record->conn = conn;
	record->token = token;
	record->op = op;
	/* Pairs with the acquire in claim(). */
	atomic_store_explicit(
	    &record->ctl, ref_inflight(ref), memory_order_release);
	*ret_ref = ref;
	return (0);
}

/*
 * A notification names ${ref}: copy the record once, check the copy, and mark
 * it DISPATCHING. False, counted, when there is no such completion.
 */
static inline bool
take_record(struct ring_consumer *consumer, ring_ref ref,
    struct completion *ret_completion)
{
	const struct segment *segment = &consumer->ring->segment;
	struct op_record *record = &segment->records[ref_index(ref)];
	uint64_t ctl;
	uint16_t op;

	if (!is_current(consumer, ref))
		goto corrupt;
	/* Pairs with the release store of DONE in write_result(). */
	ctl = atomic_load_explicit(&record->ctl, memory_order_acquire);
	if (record_generation(ctl) != ref >> 24 ||
	    record_state(ctl) != RECORD_DONE)
		goto corrupt;
	op = record->op;
	if (op >= SEGMENT_OPERATIONS)
		goto corrupt; /* callers index tables by it */
	ret_completion->ref = ref;
	ret_completion->conn = record->conn;
	ret_completion->token = record->token;
	ret_completion->time_ns = record->time_ns;
	/* A thread doesn't ask the clock: that would cost more than the rest.
	 */
	if (ret_completion->time_ns == 0)
		ret_completion->time_ns = atomic_load_explicit(
		    &segment->consumer->turn_ns, memory_order_relaxed);
	ret_completion->aux = record->aux;
	ret_completion->bytes = record->bytes;
	ret_completion->status = record->status;
	ret_completion->op = op;
	ret_completion->completer = record->completer;
	/* For the wreck's reader: before anything that the handler stores. */
	atomic_store_explicit(&record->ctl,
	    ref_owned(ref, (uint16_t)record_owner(ctl), RECORD_DISPATCHING),
	    memory_order_release);
	return (true);

corrupt:
	consumer->corrupt++;
	return (false);
}

/* The same when the notification tells an index alone. */
static inline bool
take_index(struct ring_consumer *consumer, uint32_t index,
    struct completion *ret_completion)
{
	if (index >= consumer->ring->segment.geometry.records) {
		consumer->corrupt++;
		return (false);
	}
	return (take_record(consumer,
	    ref_make(consumer->generations[index], index), ret_completion));
}

/* Take one record that bitmap word ${word} names. False when it names none. */
static bool
take_from_word(struct ring_consumer *consumer, uint32_t word,
    struct completion *ret_completion)
{
	struct segment_producers *words = consumer->ring->segment.producers;
	uint64_t bits;
	uint32_t index;

	while ((bits = atomic_load_explicit(
		    &words->bitmap[word], memory_order_seq_cst)) != 0) {
		index = word * 64 + (uint32_t)__builtin_ctzll(bits);
		atomic_fetch_and_explicit(&words->bitmap[word],
		    ~(bits & (~bits + 1)), memory_order_seq_cst);
		if (take_index(consumer, index, ret_completion)) {
			consumer->fallbacks++;
			return (true);
		}
	}
	return (false);
}

/*
 * Take a completion that came through the bitmap. The summary bit goes down
 * before the look at its words, and up again if one is left before all of them
 * are 0: pairs with notify_by_bitmap(), which sets bit, then summary. So either
 * its bit is seen here, or its summary bit comes later and stays.
 */
static __attribute__((noinline)) bool
take_from_bitmap(
    struct ring_consumer *consumer, struct completion *ret_completion)
{
	const uint32_t count = consumer->ring->segment.geometry.records / 64;
	struct segment_producers *words = consumer->ring->segment.producers;
	uint64_t bit, summary;
	uint32_t word;

	summary = atomic_load_explicit(&words->summary, memory_order_seq_cst);
	for (; summary != 0; summary &= summary - 1) {
		bit = summary & (~summary + 1);
		atomic_fetch_and_explicit(
		    &words->summary, ~bit, memory_order_seq_cst);
		for (word = (uint32_t)__builtin_ctzll(bit); word < count;
		     word += 64) {
			if (!take_from_word(consumer, word, ret_completion))
				continue;
			atomic_fetch_or_explicit(
			    &words->summary, bit, memory_order_seq_cst);
			return (true);
		}
	}
	return (false);
}

/* The consumer is through with the ticket at its head. */
static inline void
advance(struct ring_consumer *consumer)
{
	atomic_store_explicit(&consumer->ring->segment.consumer->head,
	    ++consumer->head, memory_order_relaxed); /* for monitors only */
}

/*
 * Nothing is in the entry at head. Has nobody taken its ticket either? A
 * distance that the sizing rule excludes means that something has written
 * over the tail: move it to where no ticket in use can be. The consumer then
 * skips its way there, and everything published meanwhile is still found.
 */
static bool
is_empty(struct ring_consumer *consumer)
{
	struct ring *ring = consumer->ring;
	const uint64_t head = consumer->head;
	uint64_t tail;

	tail = atomic_load_explicit(
	    &ring->segment.producers->tail, memory_order_relaxed);
	if (tail == head)
		return (true);
	if (tail - head > ring->mask + 1) {
		consumer->corrupt++;
		(void)atomic_compare_exchange_strong_explicit(
		    &ring->segment.producers->tail, &tail,
		    head + ring->mask + 1, memory_order_relaxed,
		    memory_order_relaxed);
	}
	return (false);
}

/*
 * Nothing is in the entry at head, which would be ${expected} and then
 * ${next}. False when nobody has taken its ticket. Else wait a moment for the
 * holder, then poison the ticket: the holder's CAS will fail and it will take
 * another one, be it slow, stopped or dead. Apart: the fast path is elsewhere.
 */
static __attribute__((noinline)) bool
pass_unfilled(struct ring_consumer *consumer, _Atomic uint64_t *entry,
    uint64_t expected, uint64_t next)
{
	int spins;

	if (is_empty(consumer))
		return (false);
	for (spins = 0; spins < POISON_SPINS; spins++) {
		if (atomic_load_explicit(entry, memory_order_relaxed) !=
		    expected)
			return (true);
		cpu_pause();
	}
	/* Competes with the publishing CAS in fill(). */
	if (atomic_compare_exchange_strong_explicit(entry, &expected, next,
		memory_order_relaxed, memory_order_relaxed)) {
		consumer->poisoned++;
		advance(consumer);
	}
	return (true);
}

/*
 * Is the oldest completion in the lane the next one? It is when the ring's
 * head has reached its `after`; and when `after` is no place in the ring at
 * all, because something had written over the tail.
 */
static inline bool
is_lane_next(const struct ring_consumer *consumer)
{
	const struct ring *ring = consumer->ring;
	const struct ring_lane *lane = &ring->lane;

	return (lane->head != lane->tail &&
		atomic_load_explicit(
		    &ring->segment.lane[lane->head & lane->mask].after,
		    memory_order_relaxed) -
			consumer->head - 1 >
		    ring->mask);
}

static inline bool
take_from_lane(
    struct ring_consumer *consumer, struct completion *ret_completion)
{
	struct ring *ring = consumer->ring;
	struct ring_lane *lane = &ring->lane;
	ring_ref ref;

	ref = atomic_load_explicit(
	    &ring->segment.lane[lane->head++ & lane->mask].ref,
	    memory_order_relaxed);
	if (lane->head == lane->tail)
		lane->head = lane->tail = 0; /* stay in the same cache lines */
	return (take_record(consumer, ref, ret_completion));
}

/* What the ticket at head had. */
enum ticket {
	TICKET_NOBODYS, /* not taken: the ring is empty */
	TICKET_PASSED,  /* nothing, or not yet */
	TICKET_TAKEN,   /* a completion */
};

static inline enum ticket
take_from_ring(
    struct ring_consumer *consumer, struct completion *ret_completion)
{
	const struct ring *ring = consumer->ring;
	const uint32_t log2 = ring->segment.geometry.entries_log2;
	const uint64_t empty = entry_free(consumer->head, log2);
	const uint64_t next = entry_free(consumer->head + ring->mask + 1, log2);
	_Atomic uint64_t *entry;
	uint64_t found;

	entry = &ring->segment.entries[consumer->head & ring->mask];
	/* Pairs with the publishing CAS in fill(). */
	found = atomic_load_explicit(entry, memory_order_acquire);
	if (found == empty)
		return (pass_unfilled(consumer, entry, empty, next)
			    ? TICKET_PASSED
			    : TICKET_NOBODYS);
	/*
	 * Nobody else writes an entry that is full, or broken. The store hands
	 * nothing over: records change hands by ctl.
	 */
	atomic_store_explicit(entry, next, memory_order_relaxed);
	advance(consumer);
	found -= empty;
	if ((found & 1) == 0 || found >> ENTRY_CYCLE_SHIFT != 0) {
		consumer->corrupt++;
		return (TICKET_PASSED);
	}
	return (take_index(consumer, (uint32_t)(found >> 1), ret_completion)
		    ? TICKET_TAKEN
		    : TICKET_PASSED);
}

/* All that isn't simply the next of the lane. */
static __attribute__((noinline)) bool
search(struct ring_consumer *consumer, struct completion *ret_completion)
{
	struct ring *ring = consumer->ring;
	uint64_t steps;
	enum ticket ticket;

	/* Late already, and all but never there. */
	if (atomic_load_explicit(
		&ring->segment.producers->summary, memory_order_relaxed) != 0 &&
	    take_from_bitmap(consumer, ret_completion))
		return (true);
	/*
	 * A step takes from the lane, passes a ticket, or finds that it was
	 * filled late: three laps bound what even a broken segment costs.
	 */
	for (steps = 0; steps <= 3 * ring->mask; steps++) {
		if (is_lane_next(consumer)) {
			if (take_from_lane(consumer, ret_completion))
				return (true);
			continue;
		}
		ticket = take_from_ring(consumer, ret_completion);
		if (ticket == TICKET_TAKEN)
			return (true);
		if (ticket == TICKET_PASSED)
			continue;
		if (atomic_load_explicit(
			&ring->abandoned, memory_order_relaxed) == 0)
			return (false);
		ring_sweep_abandoned(consumer); /* into the lane */
	}
	return (false);
}

bool
ring_consume(struct ring_consumer *consumer, struct completion *ret_completion)
{
	/* Nearly always: what the dispatch thread's engine has published. */
	if (atomic_load_explicit(&consumer->ring->segment.producers->summary,
		memory_order_relaxed) == 0 &&
	    is_lane_next(consumer) && take_from_lane(consumer, ret_completion))
		return (true);
	return (search(consumer, ret_completion));
}

/* Give a record that nobody holds a reference to back to the free ones. */
static void
make_free(struct ring_consumer *consumer, ring_ref ref)
{
	const uint32_t index = ref_index(ref);

	bh_assert(
	    consumer->free_count < consumer->ring->segment.geometry.records);
	/* Relaxed: ring_reserve() publishes the record to its next user. */
	atomic_store_explicit(&consumer->ring->segment.records[index].ctl,
	    ref_owned(
		next_generation(consumer, ref), PRODUCER_NONE, RECORD_FREE),
	    memory_order_relaxed);
	consumer->free_records[consumer->free_count++] = index;
}

void
ring_release(struct ring_consumer *consumer, ring_ref ref)
{
	bh_assert(is_current(consumer, ref));
	make_free(consumer, ref);
}

ring_ref
ring_rearm(struct ring_consumer *consumer, ring_ref ref)
{
	bh_assert(is_current(consumer, ref));
	ref = next_generation(consumer, ref);
	/* Pairs with the acquire in claim(). */
	atomic_store_explicit(
	    &consumer->ring->segment.records[ref_index(ref)].ctl,
	    ref_inflight(ref), memory_order_release);
	return (ref);
}

void
ring_assign(struct ring_consumer *consumer, ring_ref ref, uint16_t id)
{
	bh_assert(is_current(consumer, ref) &&
		  id < consumer->ring->segment.geometry.producers);
	/* Release: as in ring_reserve(), whose store this replaces. */
	atomic_store_explicit(
	    &consumer->ring->segment.records[ref_index(ref)].ctl,
	    ref_inflight(ref) | record_ctl(0, id, RECORD_FREE),
	    memory_order_release);
}

bool
ring_cancel(struct ring_consumer *consumer, ring_ref ref)
{
	_Atomic uint64_t *word;
	uint64_t ctl;

	if (!is_current(consumer, ref))
		return (false);
	word = &consumer->ring->segment.records[ref_index(ref)].ctl;
	ctl = atomic_load_explicit(word, memory_order_relaxed);
	/*
	 * Competes with claim(). Nothing is read from
	 * the record either way, so there is nothing to acquire.
	 */
	if (!is_inflight(ctl, ref) ||
	    !atomic_compare_exchange_strong_explicit(word, &ctl,
		(ref & ~REF_INDEX_MASK) | RECORD_FREE, memory_order_relaxed,
		memory_order_relaxed))
		return (false);
	make_free(consumer, ref);
	return (true);
}

void
ring_awake(struct ring_consumer *consumer)
{
	/* Only a hint by now; a producer that misses it writes once more. */
	atomic_store_explicit(
	    &consumer->ring->segment.consumer->wake, 0, memory_order_relaxed);
}

bool
ring_may_sleep(struct ring_consumer *consumer)
{
	const struct segment *segment = &consumer->ring->segment;

	if (consumer->ring->lane.head != consumer->ring->lane.tail)
		return (false);
	/*
	 * Dekker, the consumer's half: flag, then look; pairs with the
	 * publication and the load in wake_consumer(). It looks at the tail
	 * and not at the entry at head: a published ticket may stand behind
	 * one that its holder hasn't filled yet.
	 */
	atomic_store_explicit(
	    &segment->consumer->wake, WAKE_SLEEPING, memory_order_seq_cst);
	if (atomic_load_explicit(&segment->producers->tail,
		memory_order_seq_cst) == consumer->head &&
	    atomic_load_explicit(
		&segment->producers->summary, memory_order_seq_cst) == 0 &&
	    atomic_load_explicit(
		&consumer->ring->abandoned, memory_order_seq_cst) == 0)
		return (true);
	ring_awake(consumer);
	return (false);
}
