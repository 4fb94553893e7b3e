/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring among real threads: nothing lost, nothing twice, nobody asleep for
 * ever. ThreadSanitizer judges the memory order.
 */
#include "fixture.h"
#include "unit.h"

#include "shm/reader.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	THREADS = 4,
	MAILBOX = 256, /* references on their way to a thread; power of two */
	PER_THREAD = UNIT_SANITIZED ? 10000 : 100000,
	SLEEPS = UNIT_SANITIZED ? 2000 : 20000,
	STUCK_MS = 20000, /* a wake-up that takes this long was lost */
	EACH = 4,         /* references of one round of a contest */
	ROUNDS = PER_THREAD / 5,
};

/* One producing thread and the references that the consumer sends it. */
struct worker {
	struct ring *ring;
	pthread_t thread;
	_Atomic uint64_t sent;
	_Atomic uint64_t taken;
	ring_ref refs[MAILBOX];
	uint64_t total;
	uint16_t id;
	bool seen[PER_THREAD];
};

static ring_ref
worker_take(struct worker *w)
{
	const uint64_t taken = atomic_load(&w->taken);
	ring_ref ref;

	while (atomic_load(&w->sent) == taken)
		sched_yield();
	ref = w->refs[taken % MAILBOX];
	atomic_store(&w->taken, taken + 1);
	return (ref);
}

static void
worker_send(struct worker *w, ring_ref ref)
{
	const uint64_t sent = atomic_load(&w->sent);

	w->refs[sent % MAILBOX] = ref;
	atomic_store(&w->sent, sent + 1);
}

/* Complete all that the consumer has sent by now, from number ${i} on. */
static uint64_t
publish_batch(struct worker *w, struct ring_producer *producer, uint64_t i)
{
	struct ring_result results[2 * SEGMENT_BATCH];
	size_t count = 0;

	do {
		results[count] = (struct ring_result){
			.ref = worker_take(w),
			.bytes = (int64_t)(i + count),
			.aux = ~(i + count),
		};
		count++;
	} while (count < 2 * SEGMENT_BATCH && i + count < w->total &&
		 atomic_load(&w->sent) != atomic_load(&w->taken));
	ring_publish_batch(producer, results, count);
	return (count);
}

static void *
produce(void *argument)
{
	struct worker *w = argument;
	struct ring_producer producer;
	uint64_t i;

	ring_producer_init(&producer, w->ring, PRODUCER_NONE);
	w->id = producer.id;
	for (i = 0; i < w->total;) {
		if (i % 3 == 0) {
			i += publish_batch(w, &producer, i);
		} else if (i % 3 == 1) {
			ring_publish(
			    &producer, worker_take(w), (int64_t)i, 0, ~i);
			i++;
		} else {
			if (ring_try_publish(&producer, worker_take(w),
				(int64_t)i, 0, ~i) != 0)
				abort();
			i++;
		}
	}
	ring_producer_fini(&producer);
	return (NULL);
}

/* Block as the engine does: edge-triggered, the eventfd is never read. */
static void
block(struct fixture *f, int epoll)
{
	struct epoll_event event;

	if (!ring_may_sleep(&f->consumer))
		return;
	assert_int_equal(1, epoll_wait(epoll, &event, 1, STUCK_MS));
	ring_awake(&f->consumer);
}

static int
make_epoll(struct fixture *f)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll;

	epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_true(epoll != -1);
	assert_int_equal(
	    0, epoll_ctl(epoll, EPOLL_CTL_ADD, f->wake_fd, &event));
	return (epoll);
}

static void
start(struct fixture *f, struct worker *w, uint64_t total)
{
	w->ring = &f->ring;
	w->total = total;
	assert_int_equal(0, pthread_create(&w->thread, NULL, produce, w));
}

/* Reserve an operation of worker ${number} and send it there. */
static void
submit(struct fixture *f, struct worker *workers, uint64_t number)
{
	ring_ref ref;

	assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
				OPERATION_POST, number, ~number, &ref));
	worker_send(&workers[number], ref);
}

/*
 * Consume ${total} completions of ${workers}; whoever completed one is sent
 * another until it has had all of its own.
 */
static void
consume_all(
    struct fixture *f, struct worker *workers, int epoll, uint64_t total)
{
	struct completion c;
	uint64_t consumed = 0;
	struct worker *w;

	while (consumed < total) {
		if (!ring_consume(&f->consumer, &c)) {
			block(f, epoll);
			continue;
		}
		consumed++;
		assert_true(c.conn < THREADS && c.token == ~c.conn);
		w = &workers[c.conn];
		assert_true(c.bytes >= 0 && (uint64_t)c.bytes < w->total);
		assert_true(c.aux == ~(uint64_t)c.bytes);
		assert_false(w->seen[c.bytes]);
		w->seen[c.bytes] = true;
		ring_release(&f->consumer, c.ref);
		if (atomic_load(&w->sent) < w->total)
			submit(f, workers, c.conn);
	}
	assert_false(ring_consume(&f->consumer, &c));
}

/* Who reads the segment meanwhile, over a mapping of its own. */
struct watcher {
	const struct segment *segment;
	pthread_t thread;
	_Atomic bool stop;
	uint64_t looks;
	uint64_t checked; /* records whose content it saw */
	uint64_t wrong;   /* what can't be */
};

static uint64_t
look(const struct segment *segment, uint64_t *ret_checked)
{
	struct reader_record record;
	struct reader reader;
	uint32_t count, empty = 0;
	uint64_t wrong;

	if (reader_open(&reader, segment, false) != 0)
		return (1);
	wrong = reader.corrupt;
	for (count = 0; reader_next(&reader, &record); count++) {
		const struct completion *c = &record.completion;

		/* One that wouldn't stand still is told without its content. */
		if (c->conn == 0 && c->token == 0) {
			empty++;
			continue;
		}
		++*ret_checked;
		wrong += c->token != ~c->conn || c->op != OPERATION_POST;
		if (record.state >= RECORD_DONE)
			wrong += c->aux != ~(uint64_t)c->bytes;
	}
	wrong += empty > reader.torn;
	wrong +=
	    count + reader.states[RECORD_FREE] != segment->geometry.records;
	reader_close(&reader);
	return (wrong);
}

static void *
watch(void *argument)
{
	struct watcher *watcher = argument;

	do {
		watcher->wrong += look(watcher->segment, &watcher->checked);
		watcher->looks++;
	} while (!atomic_load(&watcher->stop));
	return (NULL);
}

static void
start_watching(struct watcher *watcher, const struct segment *segment)
{
	*watcher = (struct watcher){ .segment = segment };
	assert_int_equal(
	    0, pthread_create(&watcher->thread, NULL, watch, watcher));
}

static void
stop_watching(struct watcher *watcher)
{
	atomic_store(&watcher->stop, true);
	assert_int_equal(0, pthread_join(watcher->thread, NULL));
	assert_int_equal(0, watcher->wrong);
	assert_true(watcher->looks > 0);
	assert_true(watcher->checked > 0);
}

static void
run_threads(uint32_t producers, bool watched)
{
	struct segment_geometry geometry = fixture_geometry();
	struct fixture f = { .wake_fd = -1 };
	const uint64_t credits = 100;
	struct watcher watcher;
	struct worker *workers;
	uint64_t i;
	int epoll;

	geometry.records = 512;
	geometry.entries_log2 = 10;
	geometry.producers = producers;
	assert_int_equal(0, fixture_make(&f, &geometry));
	workers = calloc(THREADS, sizeof(*workers));
	assert_non_null(workers);
	epoll = make_epoll(&f);
	if (watched)
		start_watching(&watcher, &f.reader);
	for (i = 0; i < THREADS; i++)
		start(&f, &workers[i], PER_THREAD);
	for (i = 0; i < THREADS * credits; i++)
		submit(&f, workers, i % THREADS);
	consume_all(&f, workers, epoll, (uint64_t)THREADS * PER_THREAD);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_join(workers[i].thread, NULL));
	if (watched)
		stop_watching(&watcher);
	assert_int_equal(0, f.consumer.corrupt);
	assert_int_equal(geometry.records, f.consumer.free_count);
	assert_int_equal(0, atomic_load(&f.ring.thread_ids));
	(void)close(epoll);
	free(workers);
	fixture_unmake(&f);
}

static void
each_completion_of_four_threads_arrives_exactly_once(void **state)
{
	(void)state;
	run_threads(8, false);
}

static void
and_also_when_two_of_them_have_no_id(void **state)
{
	(void)state;
	run_threads(4, false);
}

/* Nothing that a reader of the living sees half is corrupt to it. */
static void
a_reader_beside_them_finds_nothing_corrupt(void **state)
{
	(void)state;
	run_threads(8, true);
}

static void
no_wake_up_is_lost(void **state)
{
	struct fixture *f = *state;
	struct worker *w;
	int epoll;

	/* One operation at a time, so that the consumer sleeps each time. */
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	epoll = make_epoll(f);
	start(f, w, SLEEPS);
	submit(f, w, 0);
	consume_all(f, w, epoll, SLEEPS);
	assert_int_equal(0, pthread_join(w->thread, NULL));
	assert_int_equal(0, f->consumer.corrupt);
	(void)close(epoll);
	free(w);
}

/* A race of cancel against publish: the one reference that is tried. */
struct race {
	struct ring *ring;
	_Atomic ring_ref ref;
	_Atomic int done;
	uint64_t published;
};

static void *
race_publish(void *argument)
{
	struct race *race = argument;
	struct ring_producer producer;
	ring_ref ref, last = 0;

	ring_producer_init(&producer, race->ring, PRODUCER_NONE);
	while (!atomic_load(&race->done)) {
		ref = atomic_load(&race->ref);
		if (ref == last) {
			sched_yield();
			continue;
		}
		if (ring_try_publish(&producer, ref, 1, 0, 0) == 0)
			race->published++;
		last = ref;
	}
	ring_producer_fini(&producer);
	return (NULL);
}

static void
cancel_and_publish_never_both_win(void **state)
{
	struct fixture *f = *state;
	struct race race = { .ring = &f->ring };
	uint64_t cancelled = 0, completed = 0, i;
	struct completion c;
	pthread_t thread;
	ring_ref ref;

	assert_int_equal(0, pthread_create(&thread, NULL, race_publish, &race));
	for (i = 0; i < PER_THREAD; i++) {
		assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
					OPERATION_POST, i, 0, &ref));
		atomic_store(&race.ref, ref);
		if (i % 3 == 0)
			sched_yield();
		if (ring_cancel(&f->consumer, ref)) {
			cancelled++;
			continue;
		}
		while (!ring_consume(&f->consumer, &c))
			sched_yield();
		assert_true(c.ref == ref);
		ring_release(&f->consumer, ref);
		completed++;
	}
	atomic_store(&race.done, 1);
	assert_int_equal(0, pthread_join(thread, NULL));
	assert_false(ring_consume(&f->consumer, &c));
	assert_int_equal(race.published, completed);
	assert_int_equal(PER_THREAD, completed + cancelled);
	assert_int_equal(0, f->consumer.corrupt);
	assert_int_equal(FIXTURE_RECORDS, f->consumer.free_count);
}

/* A sweep against a thread that lives and has the references too. */
struct contest {
	struct ring *ring;
	_Atomic uint64_t round;
	_Atomic bool done;
	_Atomic ring_ref refs[EACH];
	uint64_t published;
};

static void *
contest_publish(void *argument)
{
	struct contest *contest = argument;
	struct ring_producer producer;
	uint64_t last = 0, round;
	int i;

	ring_producer_init(&producer, contest->ring, PRODUCER_NONE);
	while (!atomic_load(&contest->done)) {
		round = atomic_load(&contest->round);
		if (round == last) {
			sched_yield();
			continue;
		}
		last = round;
		for (i = 0; i < EACH; i++)
			if (ring_try_publish(&producer,
				atomic_load(&contest->refs[i]), 1, 0, 0) == 0)
				contest->published++;
	}
	ring_producer_fini(&producer);
	return (NULL);
}

/* Every second one is the dead producer's, who never began. */
static void
hand_out(struct fixture *f, struct contest *contest, uint16_t dead)
{
	uint64_t i;
	ring_ref ref;

	for (i = 0; i < EACH; i++) {
		assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
					OPERATION_POST, i, ~i, &ref));
		if (i % 2 == 0)
			ring_assign(&f->consumer, ref, dead);
		atomic_store(&contest->refs[i], ref);
	}
	atomic_fetch_add(&contest->round, 1);
}

/* Each of them ends once; the living one's by nobody else. */
static uint64_t
sweep_and_consume(struct fixture *f, uint16_t dead)
{
	uint32_t swept = 0, ended = 0, i;
	struct completion c;

	for (i = 0; i < EACH;) {
		swept += ring_sweep(&f->consumer, dead);
		if (!ring_consume(&f->consumer, &c)) {
			sched_yield();
			continue;
		}
		if (c.status == -EOWNERDEAD) {
			assert_int_equal(0, c.conn % 2);
			assert_int_equal(dead, c.completer);
			ended++;
		} else {
			assert_int_equal(0, c.status);
			assert_int_equal(1, c.bytes);
		}
		ring_release(&f->consumer, c.ref);
		i++;
	}
	assert_int_equal(swept, ended);
	return (ended);
}

static void
a_sweep_and_the_living_never_both_win(void **state)
{
	struct fixture *f = *state;
	struct contest contest = { .ring = &f->ring };
	struct ring_producer dead;
	struct completion c;
	uint64_t ended = 0, i;
	pthread_t thread;

	ring_producer_init(&dead, &f->ring, PRODUCER_NONE);
	assert_int_equal(
	    0, pthread_create(&thread, NULL, contest_publish, &contest));
	for (i = 0; i < ROUNDS; i++) {
		hand_out(f, &contest, dead.id);
		if (i % 3 == 0)
			sched_yield();
		ended += sweep_and_consume(f, dead.id);
	}
	atomic_store(&contest.done, true);
	assert_int_equal(0, pthread_join(thread, NULL));
	assert_false(ring_consume(&f->consumer, &c));
	assert_int_equal(ROUNDS * EACH, contest.published + ended);
	assert_int_equal(0, f->consumer.corrupt);
	assert_int_equal(FIXTURE_RECORDS, f->consumer.free_count);
	ring_producer_fini(&dead);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_completion_of_four_threads_arrives_exactly_once),
	cmocka_unit_test(and_also_when_two_of_them_have_no_id),
	cmocka_unit_test(a_reader_beside_them_finds_nothing_corrupt),
	cmocka_unit_test_setup_teardown(
	    no_wake_up_is_lost, fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    cancel_and_publish_never_both_win, fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(a_sweep_and_the_living_never_both_win,
	    fixture_setup, fixture_teardown),
};

UNIT_MAIN(tests)
