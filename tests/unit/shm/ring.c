/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring, one step at a time on one thread: credits, states,
 * tickets, the bitmap, the sleep flag.
 */
#include "fixture.h"
#include "unit.h"

#include <errno.h>
#include <unistd.h>

enum {
	NORMAL_CREDITS = FIXTURE_RECORDS - RING_CONTROL_RESERVE
};

static ring_ref
reserve(struct fixture *f, uint64_t token)
{
	ring_ref ref = 0;

	assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
				OPERATION_FLUSH, 77, token, &ref));
	assert_true(ref != 0);
	return (ref);
}

/* The next completion is that of ${ref}; it is released. */
static void
expect(struct fixture *f, ring_ref ref)
{
	struct completion completion;

	assert_true(ring_consume(&f->consumer, &completion));
	assert_true(completion.ref == ref);
	ring_release(&f->consumer, ref);
}

static void
expect_none(struct fixture *f)
{
	struct completion completion;

	assert_false(ring_consume(&f->consumer, &completion));
}

static void
expect_healthy(const struct fixture *f)
{
	assert_int_equal(0, f->consumer.corrupt);
	assert_int_equal(FIXTURE_RECORDS, f->consumer.free_count);
}

/* How many times the eventfd was written since the last call. */
static uint64_t
wakes(struct fixture *f)
{
	uint64_t count = 0;

	if (read(f->wake_fd, &count, sizeof(count)) != sizeof(count))
		return (0);
	return (count);
}

static void
a_completion_says_what_was_published(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	struct completion c;
	ring_ref ref;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	assert_int_equal(PRODUCER_THREADS, thread.id);
	ref = reserve(f, 0x123456789abcdef0);
	atomic_store(&f->segment.consumer->turn_ns, 815);
	ring_publish(&thread, ref, INT64_C(1) << 40, -EPIPE, UINT64_MAX);
	assert_true(ring_consume(&f->consumer, &c));
	assert_true(c.ref == ref);
	assert_int_equal(77, c.conn);
	assert_true(c.token == 0x123456789abcdef0);
	assert_true(c.bytes == INT64_C(1) << 40);
	assert_int_equal(-EPIPE, c.status);
	assert_true(c.aux == UINT64_MAX);
	assert_int_equal(OPERATION_FLUSH, c.op);
	assert_int_equal(thread.id, c.completer);
	assert_true(c.time_ns == 815);
	ring_release(&f->consumer, ref);
	expect_none(f);
	expect_healthy(f);
}

static void
the_dispatch_threads_completion_carries_the_turns_time(void **state)
{
	struct fixture *f = *state;
	struct completion c;

	atomic_store(&f->segment.consumer->turn_ns, 4711);
	ring_publish(&f->dispatch, reserve(f, 1), 2, 0, 0);
	assert_true(ring_consume(&f->consumer, &c));
	assert_int_equal(4711, c.time_ns);
	assert_int_equal(PRODUCER_DISPATCH, c.completer);
}

static void
completions_come_in_the_order_of_publication_whoever_published(void **state)
{
	struct fixture *f = *state;
	struct ring_producer threads[2];
	ring_ref refs[NORMAL_CREDITS];
	int i, round;

	ring_producer_init(&threads[0], &f->ring, PRODUCER_NONE);
	ring_producer_init(&threads[1], &f->ring, PRODUCER_NONE);
	for (round = 0; round < 50; round++) {
		for (i = 0; i < NORMAL_CREDITS; i++) {
			refs[i] = reserve(f, 0);
			if ((i * 7 + round) % 3 == 0)
				ring_publish(&f->dispatch, refs[i], i, 0, 0);
			else
				ring_publish(&threads[i % 2], refs[i], i, 0, 0);
		}
		for (i = 0; i < NORMAL_CREDITS; i++)
			expect(f, refs[i]);
		expect_none(f);
	}
	assert_int_equal(0, f->consumer.poisoned);
	assert_int_equal(0, f->consumer.fallbacks);
	expect_healthy(f);
}

static void
normal_operations_leave_the_reserve_to_control(void **state)
{
	struct fixture *f = *state;
	ring_ref ref, last;
	int i;

	for (i = 0; i < NORMAL_CREDITS; i++)
		last = reserve(f, 0);
	ref = 99;
	assert_int_equal(-EAGAIN, ring_reserve(&f->consumer, CREDIT_NORMAL,
				      OPERATION_FLUSH, 0, 0, &ref));
	assert_int_equal(99, ref);
	for (i = 0; i < RING_CONTROL_RESERVE; i++)
		assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_CONTROL,
					OPERATION_MASTER_MESSAGE, 0, 0, &ref));
	assert_int_equal(-EAGAIN, ring_reserve(&f->consumer, CREDIT_CONTROL,
				      OPERATION_MASTER_MESSAGE, 0, 0, &ref));
	/* A credit that comes back is control's first. */
	assert_true(ring_cancel(&f->consumer, last));
	assert_int_equal(-EAGAIN, ring_reserve(&f->consumer, CREDIT_NORMAL,
				      OPERATION_FLUSH, 0, 0, &ref));
	assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_CONTROL,
				OPERATION_FLUSH, 0, 0, &ref));
}

static void
every_credit_may_be_published_before_any_is_consumed(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	ring_ref refs[FIXTURE_RECORDS];
	int i, round;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	for (round = 0; round < 2 * FIXTURE_ENTRIES; round++) {
		for (i = 0; i < FIXTURE_RECORDS; i++) {
			assert_int_equal(
			    0, ring_reserve(&f->consumer, CREDIT_CONTROL,
				   OPERATION_FLUSH, 0, 0, &refs[i]));
			ring_publish(&thread, refs[i], 0, 0, 0);
		}
		for (i = 0; i < FIXTURE_RECORDS; i++)
			expect(f, refs[i]);
	}
	assert_int_equal(0, f->consumer.poisoned);
	assert_int_equal(0, f->consumer.fallbacks);
	expect_healthy(f);
}

static void
a_reference_that_came_too_late_is_refused(void **state)
{
	struct fixture *f = *state;
	const uint64_t index_mask = (UINT64_C(1) << 24) - 1;
	ring_ref ref, next;

	ref = reserve(f, 0);
	assert_int_equal(0, ring_try_publish(&f->dispatch, ref, 1, 0, 0));
	assert_int_equal(-ESTALE, ring_try_publish(&f->dispatch, ref, 2, 0, 0));
	expect(f, ref);
	assert_int_equal(-ESTALE, ring_try_publish(&f->dispatch, ref, 3, 0, 0));
	next = reserve(f, 0);
	assert_int_equal(ref & index_mask, next & index_mask);
	assert_true(ref != next);
	assert_int_equal(-ESTALE, ring_try_publish(&f->dispatch, ref, 4, 0, 0));
	assert_int_equal(0, ring_try_publish(&f->dispatch, next, 5, 0, 0));
	expect(f, next);
	expect_none(f);
	expect_healthy(f);
}

static void
any_reference_at_all_is_safe_to_try(void **state)
{
	struct fixture *f = *state;
	const ring_ref wrong[] = { 0, 1, UINT64_MAX, FIXTURE_RECORDS,
		UINT64_C(1) << 24 | FIXTURE_RECORDS, UINT64_C(1) << 24,
		UINT64_C(1) << 24 | 0xffffff, UINT64_C(2) << 24 };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(
		    -ESTALE, ring_try_publish(&f->dispatch, wrong[i], 0, 0, 0));
		assert_false(ring_cancel(&f->consumer, wrong[i]));
	}
	expect_none(f);
	expect_healthy(f);
}

static void
the_first_of_cancel_and_publish_wins(void **state)
{
	struct fixture *f = *state;
	ring_ref ref;

	ref = reserve(f, 0);
	assert_true(ring_cancel(&f->consumer, ref));
	assert_int_equal(-ESTALE, ring_try_publish(&f->dispatch, ref, 0, 0, 0));
	assert_false(ring_cancel(&f->consumer, ref));
	expect_none(f);

	ref = reserve(f, 0);
	assert_int_equal(0, ring_try_publish(&f->dispatch, ref, 0, 0, 0));
	assert_false(ring_cancel(&f->consumer, ref));
	expect(f, ref);
	expect_none(f);
	expect_healthy(f);
}

static void
rearm_keeps_the_credit_under_a_new_reference(void **state)
{
	struct fixture *f = *state;
	struct completion c;
	ring_ref first, ref;
	int i;

	first = ref = reserve(f, 42);
	for (i = 0; i < 100; i++) {
		assert_int_equal(
		    0, ring_try_publish(&f->dispatch, ref, i, 0, 0));
		assert_true(ring_consume(&f->consumer, &c));
		assert_int_equal(i, c.bytes);
		assert_int_equal(42, c.token);
		assert_int_equal(OPERATION_FLUSH, c.op);
		ref = ring_rearm(&f->consumer, c.ref);
		assert_int_equal(
		    -ESTALE, ring_try_publish(&f->dispatch, c.ref, 0, 0, 0));
	}
	assert_true(first != ref);
	assert_int_equal(FIXTURE_RECORDS - 1, f->consumer.free_count);
	assert_true(ring_cancel(&f->consumer, ref));
	expect_healthy(f);
}

static void
a_ticket_that_is_never_filled_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	uint64_t ticket, expected;
	ring_ref ref;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	/* A producer stops between its two instructions. */
	ticket = atomic_fetch_add(&f->segment.producers->tail, 1);
	ref = reserve(f, 0);
	ring_publish(&thread, ref, 0, 0, 0);
	expect(f, ref);
	assert_int_equal(1, f->consumer.poisoned);
	/* It goes on, too late, and learns it. */
	expected = entry_free(ticket, 8);
	assert_false(atomic_compare_exchange_strong(
	    &f->segment.entries[ticket & f->ring.mask], &expected,
	    entry_full(ticket, 8, 0)));
	expect_none(f);
	expect_healthy(f);
}

static void
a_producer_that_lost_three_tickets_falls_back_to_the_bitmap(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	uint64_t i, tail;
	ring_ref first, second;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	/* The consumer poisons each ticket before its holder fills it. */
	tail = atomic_load(&f->segment.producers->tail);
	for (i = 0; i < 3; i++)
		atomic_store(&f->segment.entries[tail + i],
		    entry_free(tail + i + FIXTURE_ENTRIES, 8));
	f->consumer.head = tail + 3;
	first = reserve(f, 0);
	ring_publish(&thread, first, 0, 0, 0);
	assert_int_equal(tail + 3, atomic_load(&f->segment.producers->tail));
	second = reserve(f, 0);
	ring_publish(&thread, second, 0, 0, 0);
	/* What came by the bitmap is late already, so it goes first. */
	expect(f, first);
	assert_int_equal(1, f->consumer.fallbacks);
	expect(f, second);
	expect_none(f);
	assert_int_equal(1, f->consumer.fallbacks);
	expect_healthy(f);
}

static void
threads_without_an_id_publish_through_the_bitmap(void **state)
{
	struct fixture *f = *state;
	struct ring_producer with[2], without, again;
	ring_ref refs[FIXTURE_RECORDS];
	struct completion c;
	bool seen[FIXTURE_RECORDS] = { false };
	uint64_t tail;
	int i;

	ring_producer_init(&with[0], &f->ring, PRODUCER_NONE);
	ring_producer_init(&with[1], &f->ring, PRODUCER_NONE);
	ring_producer_init(&without, &f->ring, PRODUCER_NONE);
	assert_int_equal(2, with[0].id);
	assert_int_equal(3, with[1].id);
	assert_int_equal(PRODUCER_NONE, without.id);
	tail = atomic_load(&f->segment.producers->tail);
	for (i = 0; i < FIXTURE_RECORDS; i++) {
		assert_int_equal(
		    0, ring_reserve(&f->consumer, CREDIT_CONTROL,
			   OPERATION_FLUSH, 0, (uint64_t)i, &refs[i]));
		ring_publish(&without, refs[i], i, 0, 0);
	}
	assert_int_equal(tail, atomic_load(&f->segment.producers->tail));
	for (i = 0; i < FIXTURE_RECORDS; i++) {
		assert_true(ring_consume(&f->consumer, &c));
		assert_true(c.token < FIXTURE_RECORDS && !seen[c.token]);
		seen[c.token] = true;
		ring_release(&f->consumer, c.ref);
	}
	expect_none(f);
	assert_int_equal(FIXTURE_RECORDS, f->consumer.fallbacks);
	/* An id that is given back is given out again. */
	ring_producer_fini(&with[0]);
	ring_producer_init(&again, &f->ring, PRODUCER_NONE);
	assert_int_equal(2, again.id);
	expect_healthy(f);
}

/* ${count} results of operations that are reserved here; their bytes count. */
static void
reserve_batch(struct fixture *f, struct ring_result *results, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		results[i] = (struct ring_result){
			.ref = reserve(f, i),
			.bytes = (int64_t)i,
			.aux = ~i,
			.status = -(int32_t)i,
		};
}

static void
expect_batch(struct fixture *f, const struct ring_result *results, size_t count)
{
	struct completion c;
	size_t i;

	for (i = 0; i < count; i++) {
		assert_true(ring_consume(&f->consumer, &c));
		assert_true(c.ref == results[i].ref);
		assert_int_equal(i, c.token);
		assert_int_equal(i, c.bytes);
		assert_true(c.aux == ~(uint64_t)i);
		assert_int_equal(-(int)i, c.status);
		ring_release(&f->consumer, c.ref);
	}
	expect_none(f);
}

static void
a_batch_comes_whole_and_in_its_order_whoever_published(void **state)
{
	struct fixture *f = *state;
	const size_t counts[] = { 0, 1, 2, SEGMENT_BATCH - 1, SEGMENT_BATCH,
		SEGMENT_BATCH + 1, NORMAL_CREDITS };
	struct ring_result results[NORMAL_CREDITS];
	struct ring_producer thread;
	size_t i, round;
	uint64_t tail;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			tail = atomic_load(&f->segment.producers->tail);
			reserve_batch(f, results, counts[i]);
			ring_publish_batch(&thread, results, counts[i]);
			assert_int_equal(counts[i],
			    atomic_load(&f->segment.producers->tail) - tail);
			expect_batch(f, results, counts[i]);
			reserve_batch(f, results, counts[i]);
			ring_publish_batch(&f->dispatch, results, counts[i]);
			expect_batch(f, results, counts[i]);
		}
	}
	assert_int_equal(0, f->consumer.poisoned);
	assert_int_equal(0, f->consumer.fallbacks);
	expect_healthy(f);
}

static void
a_batch_keeps_its_order_around_poisoned_tickets(void **state)
{
	struct fixture *f = *state;
	struct ring_result results[4];
	struct ring_producer thread;
	uint64_t tail;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	reserve_batch(f, results, 4);
	/* Of its four tickets the consumer has passed two already. */
	tail = atomic_load(&f->segment.producers->tail);
	atomic_store(
	    &f->segment.entries[tail], entry_free(tail + FIXTURE_ENTRIES, 8));
	atomic_store(&f->segment.entries[tail + 1],
	    entry_free(tail + 1 + FIXTURE_ENTRIES, 8));
	f->consumer.head = tail + 2;
	ring_publish_batch(&thread, results, 4);
	assert_int_equal(tail + 6, atomic_load(&f->segment.producers->tail));
	expect_batch(f, results, 4);
	assert_int_equal(0, f->consumer.fallbacks);
	expect_healthy(f);
}

static void
what_of_a_batch_finds_no_ticket_comes_by_the_bitmap(void **state)
{
	struct fixture *f = *state;
	struct ring_result results[3];
	struct ring_producer thread;
	struct completion c;
	uint64_t i, tail, seen = 0;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	reserve_batch(f, results, 3);
	/* Three tickets, then two, and again: only one of them is there. */
	tail = atomic_load(&f->segment.producers->tail);
	for (i = 0; i < 7; i++)
		if (i != 1)
			atomic_store(&f->segment.entries[tail + i],
			    entry_free(tail + i + FIXTURE_ENTRIES, 8));
	f->consumer.head = tail + 1;
	ring_publish_batch(&thread, results, 3);
	f->consumer.head = tail + 1;
	for (i = 0; i < 3; i++) {
		if (i == 2) /* what is left stands in the ring */
			assert_int_equal(2, f->consumer.fallbacks);
		assert_true(ring_consume(&f->consumer, &c));
		seen |= UINT64_C(1) << c.token;
		ring_release(&f->consumer, c.ref);
	}
	assert_int_equal(7, seen);
	assert_int_equal(2, f->consumer.fallbacks);
	assert_int_equal(0, c.token);
	assert_int_equal(FIXTURE_RECORDS, f->consumer.free_count);
}

static void
a_batch_wakes_the_consumer_once(void **state)
{
	struct fixture *f = *state;
	struct ring_result results[NORMAL_CREDITS];
	struct ring_producer threads[3];
	struct completion c;
	int i;

	for (i = 0; i < 3; i++) /* none is left for the last: the bitmap */
		ring_producer_init(&threads[i], &f->ring, PRODUCER_NONE);
	for (i = 0; i < 3; i++) {
		reserve_batch(f, results, SEGMENT_BATCH);
		ring_publish_batch(&threads[i], results, SEGMENT_BATCH);
		assert_int_equal(0, wakes(f));
		while (ring_consume(&f->consumer, &c))
			ring_release(&f->consumer, c.ref);
		reserve_batch(f, results, SEGMENT_BATCH);
		assert_true(ring_may_sleep(&f->consumer));
		ring_publish_batch(&threads[i], results, SEGMENT_BATCH);
		assert_int_equal(1, wakes(f));
		ring_awake(&f->consumer);
		while (ring_consume(&f->consumer, &c))
			ring_release(&f->consumer, c.ref);
	}
	expect_healthy(f);
}

static void
tickets_wrap_around(void **state)
{
	struct fixture *f = *state;
	const uint64_t starts[] = { FIXTURE_ENTRIES - 1,
		(UINT64_C(1) << 52) - 3, /* the entry's cycle wraps */
		UINT64_MAX - 2, UINT64_MAX - FIXTURE_ENTRIES - 1 };
	struct ring_producer thread;
	ring_ref a, b;
	size_t i;
	int round;

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		fixture_start_at(f, starts[i]);
		for (round = 0; round < 3 * FIXTURE_ENTRIES; round++) {
			if (round % 5 == 0) /* a producer that stopped */
				atomic_fetch_add(
				    &f->segment.producers->tail, 1);
			a = reserve(f, 0);
			b = reserve(f, 0);
			ring_publish(&thread, a, 0, 0, 0);
			ring_publish(&f->dispatch, b, 0, 0, 0);
			expect(f, a);
			expect(f, b);
			expect_none(f);
		}
	}
	assert_int_equal(0, f->consumer.fallbacks);
	expect_healthy(f);
}

static void
generations_wrap_around_and_skip_zero(void **state)
{
	struct fixture *f = *state;
	const uint64_t last = (UINT64_C(1) << 40) - 1;
	ring_ref ref;
	int i;

	for (i = 0; i < FIXTURE_RECORDS; i++)
		f->consumer.generations[i] = last;
	ref = reserve(f, 0);
	assert_true(ref >> 24 == last);
	ring_publish(&f->dispatch, ref, 0, 0, 0);
	expect(f, ref);
	ref = reserve(f, 0);
	assert_true(ref >> 24 == 1);
	ring_publish(&f->dispatch, ref, 0, 0, 0);
	expect(f, ref);
	expect_healthy(f);
}

static void
the_consumer_may_sleep_only_when_nothing_is_there(void **state)
{
	struct fixture *f = *state;
	struct ring_producer threads[3];
	ring_ref ref;
	int i;

	for (i = 0; i < 3; i++) /* none is left for the last: the bitmap */
		ring_producer_init(&threads[i], &f->ring, PRODUCER_NONE);
	for (i = -1; i < 3; i++) {
		ref = reserve(f, 0);
		ring_publish(
		    i == -1 ? &f->dispatch : &threads[i], ref, 0, 0, 0);
		assert_false(ring_may_sleep(&f->consumer));
		assert_int_equal(0, atomic_load(&f->segment.consumer->wake));
		expect(f, ref);
		expect_none(f);
		assert_true(ring_may_sleep(&f->consumer));
		assert_int_equal(1, atomic_load(&f->segment.consumer->wake));
		ring_awake(&f->consumer);
		assert_int_equal(0, atomic_load(&f->segment.consumer->wake));
	}
	/* A ticket taken is reason enough: someone may stand behind it. */
	atomic_fetch_add(&f->segment.producers->tail, 1);
	assert_false(ring_may_sleep(&f->consumer));
	expect_none(f);
	assert_true(ring_may_sleep(&f->consumer));
	assert_int_equal(0, wakes(f));
}

static void
only_a_sleeping_consumer_is_woken(void **state)
{
	struct fixture *f = *state;
	struct ring_producer threads[3];
	ring_ref ref;
	int i;

	for (i = 0; i < 3; i++)
		ring_producer_init(&threads[i], &f->ring, PRODUCER_NONE);
	for (i = 0; i < 3; i++) {
		ref = reserve(f, 0);
		ring_publish(&threads[i], ref, 0, 0, 0);
		assert_int_equal(0, wakes(f));
		expect(f, ref);
		expect_none(f);
		ref = reserve(f, 0);
		assert_true(ring_may_sleep(&f->consumer));
		ring_publish(&threads[i], ref, 0, 0, 0);
		assert_int_equal(1, wakes(f));
		/* The flag is the consumer's alone to take down. */
		assert_int_equal(1, atomic_load(&f->segment.consumer->wake));
		ring_awake(&f->consumer);
		expect(f, ref);
		expect_none(f);
	}
}

static void
a_failed_wake_leaves_errno_alone(void **state)
{
	struct fixture *f = *state;
	struct ring_producer thread;
	ring_ref ref = reserve(f, 0);

	ring_producer_init(&thread, &f->ring, PRODUCER_NONE);
	assert_true(ring_may_sleep(&f->consumer));
	f->ring.wake_fd = -1;
	errno = ENOTTY;
	ring_publish(&thread, ref, 0, 0, 0);
	assert_int_equal(ENOTTY, errno);
	expect(f, ref);
}

#define RING_TEST(function)              \
	cmocka_unit_test_setup_teardown( \
	    function, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	RING_TEST(a_completion_says_what_was_published),
	RING_TEST(the_dispatch_threads_completion_carries_the_turns_time),
	RING_TEST(
	    completions_come_in_the_order_of_publication_whoever_published),
	RING_TEST(normal_operations_leave_the_reserve_to_control),
	RING_TEST(every_credit_may_be_published_before_any_is_consumed),
	RING_TEST(a_reference_that_came_too_late_is_refused),
	RING_TEST(any_reference_at_all_is_safe_to_try),
	RING_TEST(the_first_of_cancel_and_publish_wins),
	RING_TEST(rearm_keeps_the_credit_under_a_new_reference),
	RING_TEST(a_ticket_that_is_never_filled_is_skipped),
	RING_TEST(a_producer_that_lost_three_tickets_falls_back_to_the_bitmap),
	RING_TEST(threads_without_an_id_publish_through_the_bitmap),
	RING_TEST(a_batch_comes_whole_and_in_its_order_whoever_published),
	RING_TEST(a_batch_keeps_its_order_around_poisoned_tickets),
	RING_TEST(what_of_a_batch_finds_no_ticket_comes_by_the_bitmap),
	RING_TEST(a_batch_wakes_the_consumer_once),
	RING_TEST(tickets_wrap_around),
	RING_TEST(generations_wrap_around_and_skip_zero),
	RING_TEST(the_consumer_may_sleep_only_when_nothing_is_there),
	RING_TEST(only_a_sleeping_consumer_is_woken),
	RING_TEST(a_failed_wake_leaves_errno_alone),
};

UNIT_MAIN(tests)
