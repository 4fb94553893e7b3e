/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a segment's reader says of a worker's operations: each once, in the
 * order in which the worker would have come to them. tests/fuzz gives it
 * garbage.
 */
#include "fixture.h"
#include "unit.h"

#include "shm/reader.h"

#include <errno.h>
#include <stdlib.h>

static ring_ref
reserve(struct fixture *f, uint64_t token)
{
	ring_ref ref = 0;

	assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
				OPERATION_FLUSH, 5, token, &ref));
	return (ref);
}

static void
expect(struct reader *reader, ring_ref ref, enum record_state state, bool told)
{
	struct reader_record record;

	assert_true(reader_next(reader, &record));
	assert_int_equal(ref, record.completion.ref);
	assert_int_equal(state, record.state);
	assert_int_equal(told, record.told);
	assert_int_equal(5, record.completion.conn);
	assert_int_equal(OPERATION_FLUSH, record.completion.op);
}

static void
expect_end(struct reader *reader)
{
	struct reader_record record;

	assert_false(reader_next(reader, &record));
	assert_int_equal(0, reader->corrupt);
	assert_int_equal(0, reader->torn);
	reader_close(reader);
	assert_false(reader_next(reader, &record));
}

static void
a_fresh_segment_has_only_free_records(void **state)
{
	struct fixture *f = *state;
	struct reader reader;

	assert_int_equal(0, reader_open(&reader, &f->reader, true));
	assert_int_equal(FIXTURE_RECORDS, reader.states[RECORD_FREE]);
	expect_end(&reader);
}

static void
every_state_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	struct reader reader;
	struct reader_record record;
	struct completion c;
	ring_ref refs[5];
	int i;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	for (i = 0; i < 5; i++)
		refs[i] = reserve(f, (uint64_t)i);
	ring_assign(&f->consumer, refs[4], thread.id);
	ring_publish(&f->dispatch, refs[0], 0, 0, 0);
	assert_true(ring_consume(&f->consumer, &c));
	ring_publish(&thread, refs[1], 77, -EPIPE, 8);
	atomic_store(&f->segment.records[refs[2] & 0xffffff].ctl,
	    record_ctl(refs[2] >> 24, thread.id, RECORD_DONE));
	atomic_store(&f->segment.records[refs[3] & 0xffffff].ctl,
	    record_ctl(refs[3] >> 24, thread.id, RECORD_CLAIMED));

	assert_int_equal(0, reader_open(&reader, &f->reader, true));
	assert_int_equal(FIXTURE_RECORDS - 5, reader.states[RECORD_FREE]);
	assert_int_equal(2, reader.states[RECORD_DONE]);
	expect(&reader, refs[0], RECORD_DISPATCHING, false);
	assert_true(reader_next(&reader, &record));
	assert_true(record.told && record.completion.ref == refs[1]);
	assert_int_equal(77, record.completion.bytes);
	assert_int_equal(-EPIPE, record.completion.status);
	assert_int_equal(8, record.completion.aux);
	assert_int_equal(thread.id, record.completion.completer);
	expect(&reader, refs[2], RECORD_DONE, false);
	expect(&reader, refs[3], RECORD_CLAIMED, false);
	assert_true(reader_next(&reader, &record));
	assert_int_equal(RECORD_INFLIGHT, record.state);
	assert_int_equal(thread.id, record.owner);
	assert_int_equal(4, record.completion.token);
	expect_end(&reader);
	ring_producer_fini(&thread);
}

/* From the bitmap, the ring and the lane by turns; around the lane's end. */
static void
expect_the_consumers_order(struct fixture *f)
{
	struct ring_producer others[2], nameless = { .ring = &f->ring };
	struct ring_producer *by[] = { &others[0], &f->dispatch, &f->dispatch,
		&others[1], &others[0], &f->dispatch, &nameless };
	struct reader_record record;
	struct reader reader;
	struct completion c;
	ring_ref refs[60];
	int i, round;

	ring_producer_init(&others[0], &f->ring, PRODUCER_NONE);
	ring_producer_init(&others[1], &f->ring, PRODUCER_NONE);
	/* One stays, so that the lane doesn't begin anew. */
	ring_publish(&f->dispatch, reserve(f, 0), 0, 0, 0);
	for (round = 0; round < 12; round++) {
		for (i = 0; i < 60; i++)
			refs[i] = reserve(f, 0);
		for (i = 0; i < 60; i++)
			ring_publish(by[i * (round + 1) % 7], refs[i], 0, 0, 0);
		assert_int_equal(0, reader_open(&reader, &f->reader, true));
		for (i = 0; i < 60; i++) {
			assert_true(reader_next(&reader, &record));
			assert_true(record.told);
			assert_true(ring_consume(&f->consumer, &c));
			assert_int_equal(c.op, record.completion.op);
			/* The bitmap's own order is by place, not by time. */
			if (c.completer != 0)
				assert_int_equal(c.ref, record.completion.ref);
			ring_release(&f->consumer, c.ref);
		}
		assert_true(reader_next(&reader, &record));
		expect_end(&reader);
	}
	ring_producer_fini(&others[0]);
	ring_producer_fini(&others[1]);
}

static void
the_order_is_the_consumers(void **state)
{
	expect_the_consumers_order(*state);
}

/* An entry keeps 44 bits of its lap, head and tail all of them. */
static void
cycles_are_compared_modulo(void **state)
{
	struct fixture *f = *state;
	const uint64_t wrap = UINT64_C(1)
			      << (44 + f->segment.geometry.entries_log2);

	fixture_start_at(f, wrap - 3);
	atomic_store(&f->segment.consumer->head, wrap - 3);
	expect_the_consumers_order(f);
	assert_true(atomic_load(&f->segment.consumer->head) > wrap);
}

/* As many in the lane as can be, wherever it begins. */
static void
a_lane_with_all_records_has_its_order(void **state)
{
	struct fixture *f = *state;
	struct reader_record record;
	struct reader reader;
	struct completion c;
	ring_ref refs[FIXTURE_RECORDS];
	int i, round;

	for (i = 0; i < FIXTURE_RECORDS; i++) {
		assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_CONTROL,
					OPERATION_FLUSH, 5, 0, &refs[i]));
		ring_publish(&f->dispatch, refs[i], 0, 0, 0);
	}
	for (round = 0; round < 3 * FIXTURE_RECORDS; round++) {
		assert_int_equal(0, reader_open(&reader, &f->reader, true));
		for (i = 0; i < FIXTURE_RECORDS; i++) {
			assert_true(reader_next(&reader, &record));
			assert_int_equal(refs[(round + i) % FIXTURE_RECORDS],
			    record.completion.ref);
		}
		expect_end(&reader);
		assert_true(ring_consume(&f->consumer, &c));
		i = round % FIXTURE_RECORDS;
		assert_int_equal(refs[i], c.ref);
		refs[i] = ring_rearm(&f->consumer, c.ref);
		ring_publish(&f->dispatch, refs[i], 0, 0, 0);
	}
}

static void
what_cannot_be_is_counted_and_not_followed(void **state)
{
	struct fixture *f = *state;
	struct reader_record record;
	struct reader reader;
	ring_ref ref;

	ref = reserve(f, 0);
	ring_publish(&f->dispatch, ref, 0, 0, 0);
	/* A state, an owner, a bit, an entry, a lane's entry, and the tail. */
	atomic_store(&f->segment.records[100].ctl, record_ctl(1, 0, 9));
	atomic_store(&f->segment.records[101].ctl, record_ctl(1, 99, 1));
	atomic_store(&f->segment.producers->bitmap[1], 1);
	atomic_store(&f->segment.entries[3],
	    entry_full(3, f->segment.geometry.entries_log2, 0x7ffff));
	atomic_store(&f->segment.lane[9].ref, UINT64_MAX);
	atomic_store(&f->segment.producers->tail, UINT64_MAX);
	assert_int_equal(0, reader_open(&reader, &f->reader, true));
	assert_int_equal(6, reader.corrupt);
	assert_string_equal(
	    "a record has a state that there isn't", reader.violated);
	assert_int_equal(100, reader.violated_at);
	assert_int_equal(FIXTURE_RECORDS - 3, reader.states[RECORD_FREE]);
	assert_true(reader_next(&reader, &record));
	assert_true(record.told && record.completion.ref == ref);
	assert_false(reader_next(&reader, &record));
	reader_close(&reader);
	/* Of a living worker, a misfit may be a change that was seen half. */
	assert_int_equal(0, reader_open(&reader, &f->reader, false));
	assert_int_equal(4, reader.corrupt);
	reader_close(&reader);
}

#define READER_TEST(function)            \
	cmocka_unit_test_setup_teardown( \
	    function, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	READER_TEST(a_fresh_segment_has_only_free_records),
	READER_TEST(every_state_is_told_apart),
	READER_TEST(the_order_is_the_consumers),
	READER_TEST(cycles_are_compared_modulo),
	READER_TEST(a_lane_with_all_records_has_its_order),
	READER_TEST(what_cannot_be_is_counted_and_not_followed),
};

UNIT_MAIN(tests)
