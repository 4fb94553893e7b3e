/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consumer against a segment that something has written over: garbage is
 * counted, never followed, and the ring goes on.
 */
#include "fixture.h"
#include "unit.h"

#include <stdlib.h>

static ring_ref
reserve(struct fixture *f)
{
	ring_ref ref = 0;

	assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
				OPERATION_FLUSH, 1, 2, &ref));
	return (ref);
}

/* Still works: one from a thread, one from the dispatch thread. */
static void
expect_working(struct fixture *f)
{
	struct ring_producer thread;
	struct completion c;
	ring_ref refs[2];
	int i;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	refs[0] = reserve(f);
	refs[1] = reserve(f);
	ring_publish(&thread, refs[0], 0, 0, 0);
	ring_publish(&f->dispatch, refs[1], 0, 0, 0);
	for (i = 0; i < 2; i++) {
		assert_true(ring_consume(&f->consumer, &c));
		assert_true(c.ref == refs[0] || c.ref == refs[1]);
		ring_release(&f->consumer, c.ref);
	}
	assert_false(ring_consume(&f->consumer, &c));
	assert_true(ring_may_sleep(&f->consumer));
	ring_awake(&f->consumer);
	ring_producer_fini(&thread);
}

/* The entry of a ticket that somebody has taken holds ${word}. */
static void
plant_entry(struct fixture *f, uint64_t word)
{
	uint64_t ticket;

	ticket = atomic_fetch_add(&f->segment.producers->tail, 1);
	atomic_store(&f->segment.entries[ticket & f->ring.mask], word);
}

static void
an_entry_that_cannot_be_is_counted_and_skipped(void **state)
{
	struct fixture *f = *state;
	const uint64_t words[] = { UINT64_MAX, 2, 0xffffe, 0xdeadbeefcafebabe,
		UINT64_C(9) << 20 | 1, UINT64_C(1) << 63 };
	struct completion c;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		plant_entry(f, words[i]);
		assert_false(ring_consume(&f->consumer, &c));
		assert_int_equal(i + 1, f->consumer.corrupt);
		expect_working(f);
	}
}

static void
an_entry_that_names_no_completion_is_counted_and_skipped(void **state)
{
	struct fixture *f = *state;
	struct completion c;
	ring_ref inflight;
	uint64_t tail;

	inflight = reserve(f);
	tail = atomic_load(&f->segment.producers->tail);
	plant_entry(f, entry_full(tail, 8, FIXTURE_RECORDS)); /* outside */
	plant_entry(f, entry_full(tail + 1, 8, 0x7ffff));
	plant_entry(f, entry_full(tail + 2, 8, FIXTURE_RECORDS - 1)); /* free */
	plant_entry(f, entry_full(tail + 3, 8, (uint32_t)inflight));
	assert_false(ring_consume(&f->consumer, &c));
	assert_int_equal(4, f->consumer.corrupt);
	expect_working(f);
	assert_true(ring_cancel(&f->consumer, inflight));
}

static void
an_entry_of_another_lap_or_not_full_is_not_followed(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	struct completion c;
	ring_ref other, ref;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	other = reserve(f); /* has index 0 */
	ref = reserve(f);
	/* 8192 laps on: the difference is lost in 32 bits of index. */
	plant_entry(f, entry_full(UINT64_C(8192) * FIXTURE_ENTRIES, 8,
			   (uint32_t)ref & 0xffffff));
	plant_entry(f, entry_full(1, 8, (uint32_t)ref & 0xffffff) - 1);
	ring_publish(&thread, ref, 0, 0, 0);
	assert_true(ring_consume(&f->consumer, &c));
	assert_true(c.ref == ref);
	assert_int_equal(2, f->consumer.corrupt);
	ring_release(&f->consumer, ref);
	assert_true(ring_cancel(&f->consumer, other));
	ring_producer_fini(&thread);
	expect_working(f);
	assert_int_equal(2, f->consumer.corrupt);
}

static void
a_second_notification_of_a_completion_is_refused(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	struct completion c;
	ring_ref ref;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	ref = reserve(f);
	ring_publish(&thread, ref, 0, 0, 0);
	plant_entry(f, entry_full(atomic_load(&f->segment.producers->tail), 8,
			   (uint32_t)ref & 0xffffff));
	assert_true(ring_consume(&f->consumer, &c));
	assert_false(ring_consume(&f->consumer, &c));
	assert_int_equal(1, f->consumer.corrupt);
	ring_release(&f->consumer, ref);
	ring_producer_fini(&thread);
	expect_working(f);
}

static void
a_record_that_was_written_over_is_not_delivered(void **state)
{
	struct fixture *f = *state;
	const uint64_t masks[] = { 0xf, UINT64_C(1) << 24, UINT64_MAX };
	struct op_record *record;
	struct completion c;
	ring_ref ref;
	size_t i;

	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		ref = reserve(f);
		record = &f->segment.records[ref & 0xffffff];
		ring_publish(&f->dispatch, ref, 0, 0, 0);
		atomic_fetch_xor(&record->ctl, masks[i]);
		assert_false(ring_consume(&f->consumer, &c));
		assert_int_equal(i + 1, f->consumer.corrupt);
		expect_working(f);
	}
	/* Callers index tables by the operation. */
	ref = reserve(f);
	ring_publish(&f->dispatch, ref, 0, 0, 0);
	f->segment.records[ref & 0xffffff].op = SEGMENT_OPERATIONS;
	assert_false(ring_consume(&f->consumer, &c));
	assert_int_equal(i + 1, f->consumer.corrupt);
}

static void
bits_of_the_bitmap_that_name_no_completion_are_counted(void **state)
{
	struct fixture *f = *state;
	struct completion c;

	atomic_store(&f->segment.producers->bitmap[1], UINT64_MAX);
	atomic_store(&f->segment.producers->summary, UINT64_MAX);
	assert_false(ring_consume(&f->consumer, &c));
	assert_int_equal(64, f->consumer.corrupt);
	assert_int_equal(0, f->consumer.fallbacks);
	expect_working(f);
}

static void
a_tail_that_was_written_over_is_put_right(void **state)
{
	struct fixture *f = *state;
	const uint64_t tails[] = { 0, UINT64_MAX, UINT64_C(1) << 63,
		0x4141414141414141, 1000000 };
	struct ring_producer thread;
	struct completion c;
	ring_ref before, after, own;
	size_t i;
	int found;

	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
		fixture_start_at(f, 5000);
		before = reserve(f);
		after = reserve(f);
		own = reserve(f);
		ring_publish(&thread, before, 0, 0, 0);
		atomic_store(&f->segment.producers->tail, tails[i]);
		ring_publish(&thread, after, 0, 0, 0);
		ring_publish(&f->dispatch, own, 0, 0, 0);
		for (found = 0; ring_consume(&f->consumer, &c); found++)
			ring_release(&f->consumer, c.ref);
		assert_int_equal(3, found);
		assert_true(f->consumer.corrupt > i);
		ring_producer_fini(&thread);
		expect_working(f);
	}
	assert_int_equal(FIXTURE_RECORDS, f->consumer.free_count);
}

static void
random_garbage_in_all_that_is_shared_ends_in_counting(void **state)
{
	struct fixture *f = *state;
	uint64_t random = 88172645463325252;
	struct ring_producer thread;
	struct completion c;
	ring_ref ref;
	uint64_t i;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	for (i = 0; i < (UNIT_SANITIZED ? 2000 : 20000); i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		switch (random % 5) {
		case 0:
			atomic_store(
			    &f->segment.entries[random >> 8 & 255], random);
			break;
		case 1:
			atomic_store(&f->segment.records[random >> 8 & 127].ctl,
			    random >> 20);
			break;
		case 2:
			atomic_store(
			    &f->segment.producers->bitmap[i & 1], random);
			atomic_store(&f->segment.producers->summary, random);
			break;
		case 3:
			f->segment.records[random >> 8 & 127].op =
			    (uint16_t)random;
			break;
		default:
			if (i % 50 == 0)
				atomic_store(
				    &f->segment.producers->tail, random);
		}
		if (ring_reserve(&f->consumer, CREDIT_NORMAL, OPERATION_POST, 0,
			0, &ref) == 0)
			(void)ring_try_publish(&thread, ref, 0, 0, 0);
		while (ring_consume(&f->consumer, &c)) {
			assert_true(c.op < SEGMENT_OPERATIONS);
			ring_release(&f->consumer, c.ref);
		}
	}
	assert_true(f->consumer.corrupt > 0);
	assert_true(f->consumer.free_count <= FIXTURE_RECORDS);
}

#define RING_TEST(function)              \
	cmocka_unit_test_setup_teardown( \
	    function, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	RING_TEST(an_entry_that_cannot_be_is_counted_and_skipped),
	RING_TEST(an_entry_that_names_no_completion_is_counted_and_skipped),
	RING_TEST(an_entry_of_another_lap_or_not_full_is_not_followed),
	RING_TEST(a_second_notification_of_a_completion_is_refused),
	RING_TEST(a_record_that_was_written_over_is_not_delivered),
	RING_TEST(bits_of_the_bitmap_that_name_no_completion_are_counted),
	RING_TEST(a_tail_that_was_written_over_is_put_right),
	RING_TEST(random_garbage_in_all_that_is_shared_ends_in_counting),
};

UNIT_MAIN(tests)
