/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a dead producer leaves is ended by the consumer, each operation once.
 * Here its traces are made by hand; tests/crash kills real ones.
 */
#include "fixture.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	DEAD = PRODUCER_THREADS
};

static ring_ref
reserve_for(struct fixture *f, uint16_t id)
{
	ring_ref ref = 0;

	assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
				OPERATION_FLUSH, 5, 6, &ref));
	ring_assign(&f->consumer, ref, id);
	return (ref);
}

static struct op_record *
record_of(struct fixture *f, ring_ref ref)
{
	return (&f->segment.records[ref & 0xffffff]);
}

/* As a producer that died after that store left it. */
static void
leave(struct fixture *f, ring_ref ref, enum record_state state, int status)
{
	struct op_record *record = record_of(f, ref);

	record->status = status;
	record->completer = DEAD;
	atomic_store(&record->ctl, record_ctl(ref >> 24, DEAD, state));
}

static void
expect(struct fixture *f, ring_ref ref, int status)
{
	struct completion c;

	assert_true(ring_consume(&f->consumer, &c));
	assert_true(c.ref == ref);
	assert_int_equal(status, c.status);
	assert_int_equal(DEAD, c.completer);
	assert_int_equal(5, c.conn);
	assert_int_equal(6, c.token);
	ring_release(&f->consumer, ref);
}

static void
expect_nothing(struct fixture *f)
{
	struct completion c;

	assert_false(ring_consume(&f->consumer, &c));
	assert_int_equal(0, f->consumer.corrupt);
}

static void
what_it_had_not_completed_ends_with_ownerdead(void **state)
{
	struct fixture *f = *state;
	const ring_ref assigned = reserve_for(f, DEAD);
	const ring_ref claimed = reserve_for(f, PRODUCER_NONE);

	leave(f, claimed, RECORD_CLAIMED, -EPIPE);
	assert_int_equal(2, ring_sweep(&f->consumer, DEAD));
	assert_int_equal(0, ring_sweep(&f->consumer, DEAD));
	expect(f, assigned, -EOWNERDEAD);
	expect(f, claimed, -EOWNERDEAD);
	expect_nothing(f);
	assert_int_equal(0, ring_sweep(&f->consumer, DEAD));
	assert_int_equal(FIXTURE_RECORDS, f->consumer.free_count);
}

static void
what_it_had_done_is_true(void **state)
{
	struct fixture *f = *state;
	const ring_ref untold = reserve_for(f, DEAD);
	const ring_ref bit = reserve_for(f, DEAD);

	leave(f, untold, RECORD_DONE, -EPIPE);
	leave(f, bit, RECORD_DONE, -EIO);
	/* It died between the bit and its summary. */
	atomic_fetch_or(
	    &f->segment.producers->bitmap[0], UINT64_C(1) << (bit & 0xffffff));
	assert_int_equal(2, ring_sweep(&f->consumer, DEAD));
	assert_int_equal(0, ring_sweep(&f->consumer, DEAD));
	expect(f, untold, -EPIPE);
	expect(f, bit, -EIO);
	expect_nothing(f);
}

static void
what_it_had_published_comes_once_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct ring_producer dead, living;
	ring_ref refs[3];

	ring_producer_init(&dead, &f->ring, PRODUCER_NONE);
	ring_producer_init(&living, &f->ring, PRODUCER_NONE);
	assert_int_equal(DEAD, dead.id);
	refs[0] = reserve_for(f, DEAD);
	refs[1] = reserve_for(f, DEAD);
	ring_publish(&dead, refs[0], 0, -EPIPE, 0);
	/* A ticket that it never fills. */
	atomic_fetch_add(&f->segment.producers->tail, 1);
	assert_int_equal(1, ring_sweep(&f->consumer, DEAD));
	ring_producer_fini(&dead);
	refs[2] = reserve_for(f, living.id);
	record_of(f, refs[2])->completer = DEAD;
	ring_publish(&living, refs[2], 0, 0, 0);
	record_of(f, refs[2])->completer = DEAD;
	expect(f, refs[0], -EPIPE);
	expect(f, refs[1], -EOWNERDEAD);
	expect(f, refs[2], 0);
	expect_nothing(f);
	assert_int_equal(1, f->consumer.poisoned);
	ring_producer_fini(&living);
	assert_int_equal(0, atomic_load(&f->ring.thread_ids));
}

static void
the_operations_of_others_go_on(void **state)
{
	struct fixture *f = *state;
	struct completion c;
	ring_ref cancelled, dispatching, free_for_all, other, raced;
	struct ring_producer living;

	ring_producer_init(&living, &f->ring, PRODUCER_NONE); /* id DEAD */
	ring_producer_init(&living, &f->ring, PRODUCER_NONE);
	dispatching = reserve_for(f, DEAD);
	leave(f, dispatching, RECORD_DONE, 0);
	assert_int_equal(1, ring_sweep(&f->consumer, DEAD));
	assert_true(ring_consume(&f->consumer, &c));
	free_for_all = reserve_for(f, PRODUCER_NONE);
	other = reserve_for(f, living.id);
	cancelled = reserve_for(f, DEAD);
	raced = reserve_for(f, DEAD);
	assert_true(ring_cancel(&f->consumer, cancelled));
	assert_int_equal(0, ring_try_publish(&living, raced, 0, 0, 0));
	assert_int_equal(0, ring_sweep(&f->consumer, DEAD));
	assert_int_equal(RECORD_INFLIGHT,
	    record_state(atomic_load(&record_of(f, free_for_all)->ctl)));
	assert_int_equal(RECORD_INFLIGHT,
	    record_state(atomic_load(&record_of(f, other)->ctl)));
	assert_int_equal(
	    -ESTALE, ring_try_publish(&living, cancelled, 0, 0, 0));
	assert_true(ring_consume(&f->consumer, &c));
	assert_true(c.ref == raced && c.status == 0);
	ring_release(&f->consumer, dispatching);
	ring_release(&f->consumer, raced);
	expect_nothing(f);
}

static void
a_rearmed_operation_has_no_executor(void **state)
{
	struct fixture *f = *state;
	ring_ref ref = reserve_for(f, DEAD);
	struct completion c;

	assert_int_equal(1, ring_sweep(&f->consumer, DEAD));
	assert_true(ring_consume(&f->consumer, &c));
	ref = ring_rearm(&f->consumer, ref);
	assert_int_equal(0, ring_sweep(&f->consumer, DEAD));
	ring_assign(&f->consumer, ref, DEAD);
	assert_int_equal(1, ring_sweep(&f->consumer, DEAD));
	expect(f, ref, -EOWNERDEAD);
}

static void
every_record_may_be_swept_at_once(void **state)
{
	struct fixture *f = *state;
	ring_ref refs[FIXTURE_RECORDS];
	int i;

	for (i = 0; i < FIXTURE_RECORDS; i++) {
		assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_CONTROL,
					OPERATION_POST, 5, 6, &refs[i]));
		ring_assign(&f->consumer, refs[i], DEAD);
	}
	assert_int_equal(FIXTURE_RECORDS, ring_sweep(&f->consumer, DEAD));
	for (i = 0; i < FIXTURE_RECORDS; i++)
		expect(f, refs[i], -EOWNERDEAD);
	expect_nothing(f);
}

/* A module's thread, as worker/async.c has it, that ends where it must not. */
struct doomed {
	struct fixture *f;
	struct ring_producer producer;
	pthread_key_t key;
	ring_ref ref;
};

static void
over(void *producer)
{
	ring_producer_fini(producer);
}

static void *
end_in_the_middle(void *argument)
{
	struct doomed *d = argument;

	ring_producer_init(&d->producer, &d->f->ring, PRODUCER_NONE);
	assert_int_equal(0, pthread_setspecific(d->key, &d->producer));
	/* Where ring_try_publish() has just won the claim. */
	atomic_store(&d->producer.publishing, true);
	leave(d->f, d->ref, RECORD_CLAIMED, 0);
	pthread_exit(NULL); /* as a cancel or a signal's handler may */
}

static void
a_thread_that_ends_in_the_middle_is_swept(void **state)
{
	struct fixture *f = *state;
	struct doomed d = { .f = f, .ref = reserve_for(f, PRODUCER_NONE) };
	struct pollfd poll_fd = { .fd = f->wake_fd, .events = POLLIN };
	pthread_t thread;

	assert_int_equal(0, pthread_key_create(&d.key, over));
	assert_true(ring_may_sleep(&f->consumer));
	assert_int_equal(
	    0, pthread_create(&thread, NULL, end_in_the_middle, &d));
	assert_int_equal(0, pthread_join(thread, NULL));
	assert_int_equal(1, poll(&poll_fd, 1, 0));
	ring_awake(&f->consumer);
	/* Its id isn't anybody's before that. */
	assert_int_equal(1U << DEAD, atomic_load(&f->ring.thread_ids));
	assert_false(ring_may_sleep(&f->consumer));
	expect(f, d.ref, -EOWNERDEAD);
	expect_nothing(f);
	assert_int_equal(0, atomic_load(&f->ring.thread_ids));
	assert_true(ring_may_sleep(&f->consumer));
	(void)pthread_key_delete(d.key);
}

static void *
publish_cancelled(void *argument)
{
	struct doomed *d = argument;

	ring_producer_init(&d->producer, &d->f->ring, PRODUCER_NONE);
	assert_int_equal(0, pthread_cancel(pthread_self()));
	ring_publish(&d->producer, d->ref, 0, -EPIPE, 0);
	ring_producer_fini(&d->producer);
	pthread_testcancel();
	abort();
}

/* write(3) is a cancellation point, and was where the wake-up was lost. */
static void
a_thread_that_is_cancelled_wakes_the_consumer_first(void **state)
{
	struct fixture *f = *state;
	struct doomed d = { .f = f, .ref = reserve_for(f, PRODUCER_NONE) };
	struct pollfd poll_fd = { .fd = f->wake_fd, .events = POLLIN };
	pthread_t thread;
	void *result;

	assert_true(ring_may_sleep(&f->consumer));
	assert_int_equal(
	    0, pthread_create(&thread, NULL, publish_cancelled, &d));
	assert_int_equal(0, pthread_join(thread, &result));
	assert_true(result == PTHREAD_CANCELED);
	assert_int_equal(1, poll(&poll_fd, 1, 0));
	ring_awake(&f->consumer);
	expect(f, d.ref, -EPIPE);
	assert_int_equal(0, atomic_load(&f->ring.thread_ids));
}

#define RING_TEST(function)              \
	cmocka_unit_test_setup_teardown( \
	    function, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	RING_TEST(what_it_had_not_completed_ends_with_ownerdead),
	RING_TEST(what_it_had_done_is_true),
	RING_TEST(what_it_had_published_comes_once_and_in_order),
	RING_TEST(the_operations_of_others_go_on),
	RING_TEST(a_rearmed_operation_has_no_executor),
	RING_TEST(every_record_may_be_swept_at_once),
	RING_TEST(a_thread_that_ends_in_the_middle_is_swept),
	RING_TEST(a_thread_that_is_cancelled_wakes_the_consumer_first),
};

UNIT_MAIN(tests)
