/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring after the death of a producer: the consumer ends what
 * it has left. Runs on the dispatch thread, once the kernel has said that the
 * producer is dead, or the producer's thread that it ends in mid-publication.
 */
#include "shm/ring_word.h"

#include <errno.h>
#include <string.h>

/*
 * Note which records the ring tells of already. Exact, although others go on
 * publishing: the dead producer fills no more tickets, each of its records is
 * told of at most once, and only we take entries away.
 */
static void
note_told(struct ring_consumer *consumer)
{
	const struct segment *segment = &consumer->ring->segment;
	const uint32_t log2 = segment->geometry.entries_log2;
	const uint64_t end = consumer->head + consumer->ring->mask + 1;
	uint64_t found, index, ticket;

	memset(consumer->told, 0, segment->geometry.records / 8);
	for (ticket = consumer->head; ticket != end; ticket++) {
		/* Pairs with the publishing CAS in fill(). */
		found = atomic_load_explicit(
		    &segment->entries[ticket & consumer->ring->mask],
		    memory_order_acquire);
		index = (found - entry_free(ticket, log2)) >> 1;
		if ((found & 1) != 0 && index < segment->geometry.records)
			consumer->told[index / 64] |= UINT64_C(1)
						      << (index % 64);
	}
}

/*
 * The dead producer's record is DONE: its result is true. If nothing in the
 * ring tells of it, its death came before that, or its bit in the bitmap
 * counts no more: tell of it ourselves. It is ours then, so that a second
 * sweep leaves it alone.
 */
static bool
tell_of_done(struct ring_consumer *consumer, uint32_t index, uint64_t ctl)
{
	const struct segment *segment = &consumer->ring->segment;

	if ((consumer->told[index / 64] >> (index % 64) & 1) != 0)
		return (false);
	atomic_store_explicit(&segment->records[index].ctl,
	    record_ctl(record_generation(ctl), PRODUCER_DISPATCH, RECORD_DONE),
	    memory_order_release); /* for the wreck's reader: before the lane */
	/* Result unused: a single `lock and`. The summary may stay. */
	atomic_fetch_and_explicit(&segment->producers->bitmap[index / 64],
	    ~(UINT64_C(1) << (index % 64)), memory_order_seq_cst);
	lane_push(consumer->ring, ref_make(record_generation(ctl), index));
	return (true);
}

/*
 * There is no result, and there won't be one: -EOWNERDEAD is. False when
 * somebody else who had the reference was faster.
 */
static bool
end_unfinished(
    struct ring_consumer *consumer, uint16_t dead, uint32_t index, uint64_t ctl)
{
	const struct segment *segment = &consumer->ring->segment;
	const uint64_t generation = record_generation(ctl);
	struct op_record *record = &segment->records[index];

	/* Competes with, and pairs with, the claim in ring_try_publish(). */
	if (!atomic_compare_exchange_strong_explicit(&record->ctl, &ctl,
		record_ctl(generation, PRODUCER_DISPATCH, RECORD_CLAIMED),
		memory_order_acq_rel, memory_order_relaxed))
		return (false);
	record->time_ns = atomic_load_explicit(
	    &segment->consumer->turn_ns, memory_order_relaxed);
	record->bytes = 0;
	record->status = -EOWNERDEAD;
	record->completer = dead;
	record->aux = 0;
	/* Pairs with the acquire load of ctl in take_record(). */
	atomic_store_explicit(&record->ctl,
	    record_ctl(generation, PRODUCER_DISPATCH, RECORD_DONE),
	    memory_order_release);
	lane_push(consumer->ring, ref_make(generation, index));
	return (true);
}

uint32_t
ring_sweep(struct ring_consumer *consumer, uint16_t id)
{
	const struct segment *segment = &consumer->ring->segment;
	uint32_t count = 0, index;
	uint64_t ctl;
	bool ended;

	bh_assert(id > PRODUCER_DISPATCH && id < segment->geometry.producers);
	note_told(consumer);
	for (index = 0; index < segment->geometry.records; index++) {
		/* Pairs with the release store of DONE in write_result(). */
		ctl = atomic_load_explicit(
		    &segment->records[index].ctl, memory_order_acquire);
		if (record_owner(ctl) != id ||
		    record_generation(ctl) != consumer->generations[index])
			continue;
		switch (record_state(ctl)) {
		case RECORD_DONE:
			ended = tell_of_done(consumer, index, ctl);
			break;
		case RECORD_INFLIGHT:
		case RECORD_CLAIMED:
			ended = end_unfinished(consumer, id, index, ctl);
			break;
		default: /* FREE; or DISPATCHING: its handler is running */
			ended = false;
			break;
		}
		count += ended;
	}
	return (count);
}

void
ring_sweep_abandoned(struct ring_consumer *consumer)
{
	struct ring *ring = consumer->ring;
	struct ring_producer dead = { .ring = ring };
	uint64_t ids;

	/* Pairs with the or in ring_producer_fini(). */
	ids =
	    atomic_exchange_explicit(&ring->abandoned, 0, memory_order_seq_cst);
	for (; ids != 0; ids &= ids - 1) {
		dead.id = (uint16_t)__builtin_ctzll(ids);
		(void)ring_sweep(consumer, dead.id);
		ring_producer_fini(&dead);
	}
}
