/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that is ended after each single instruction of its publications,
 * by an asynchronous cancel or by a signal's handler that leaves by
 * pthread_exit(3): as a worker's thread may be while the worker lives on. Who
 * has an id is swept; who has none isn't ended in the middle. What was begun
 * ends, once; what wasn't can be taken back.
 */
#include "tests/crash/ring_child.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STATUS = -EPIPE,
	BATCH_FROM = 2, /* token 0 by publish, 1 by try_publish */
	TOKENS = 4,
	/* Ids for threads: 2 and 3 in the fixture's geometry. */
	IDS = FIXTURE_PRODUCERS - PRODUCER_THREADS,
	SAMPLED = 31,
	UNTOUCHED = 4711, /* a record's time before a producer writes it */
};

/* How the thread is ended. */
enum ending {
	BY_SIGNAL,
	BY_CANCEL,
	ENDINGS,
};

/* Shared between the test and its child. */
static _Atomic int *cancel; /* 1: wanted, 2: it is on its way */

static pthread_t publisher;

static void
on_signal(int number)
{
	(void)number;
	pthread_exit(NULL);
}

/* The key's destructor, as worker/async.c has it. Then nothing is left. */
static void
over(void *producer)
{
	ring_producer_fini(producer);
	_exit(0);
}

static void *
cancel_publisher(void *argument)
{
	(void)argument;
	while (atomic_load(cancel) != 1)
		(void)sched_yield();
	(void)pthread_cancel(publisher);
	atomic_store(cancel, 2);
	for (;;)
		(void)pause();
	return (NULL);
}

static void
prepare_to_end(struct ring_producer *producer)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_key_t key;
	pthread_t thread;

	publisher = pthread_self();
	if (sigaction(SIGUSR1, &action, NULL) != 0 ||
	    pthread_key_create(&key, over) != 0 ||
	    pthread_setspecific(key, producer) != 0 ||
	    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) != 0 ||
	    pthread_create(&thread, NULL, cancel_publisher, NULL) != 0)
		_exit(2);
}

static void
publish(struct scene *scene)
{
	static struct ring_producer producer;
	struct ring_result results[TOKENS - BATCH_FROM];
	uint64_t token;

	for (token = BATCH_FROM; token < TOKENS; token++)
		results[token - BATCH_FROM] = (struct ring_result){
			.ref = scene->refs[token],
			.status = STATUS,
			.aux = token,
		};
	ring_producer_init(&producer, &scene->f.ring, PRODUCER_NONE);
	prepare_to_end(&producer);
	atomic_store(&scene->began, 1);
	ring_publish(&producer, scene->refs[0], 0, STATUS, 0);
	if (ring_try_publish(&producer, scene->refs[1], 0, STATUS, 1) != 0)
		_exit(1);
	ring_publish_batch(&producer, results, TOKENS - BATCH_FROM);
	atomic_store(&scene->ended, 1);
	pthread_exit(NULL);
}

static struct op_record *
record_of(const struct scene *scene, uint64_t token)
{
	return (&scene->f.segment.records[scene->refs[token] & 0xffffff]);
}

static void
reserve_all(struct scene *scene)
{
	uint64_t token;

	for (token = 0; token < TOKENS; token++) {
		scene_reserve(scene, token);
		record_of(scene, token)->time_ns = UNTOUCHED;
	}
}

/* End a thread that is stopped, the one way or the other. */
static void
end_thread(pid_t child, enum ending ending)
{
	if (ending == BY_SIGNAL) {
		assert_int_equal(0, syscall(SYS_tgkill, child, child, SIGUSR1));
	} else {
		atomic_store(cancel, 1);
		while (atomic_load(cancel) != 2)
			(void)sched_yield();
	}
	child_continue(child);
}

/* Everything that the thread has begun comes, and once; how many did. */
static int
consume_all(struct scene *scene, bool nameless)
{
	struct completion c;
	int count = 0;

	for (; ring_consume(&scene->f.consumer, &c); count++) {
		assert_true(c.token < TOKENS);
		assert_true(c.ref == scene->refs[c.token]);
		assert_int_equal(
		    0, atomic_fetch_add(&scene->handled[c.token], 1));
		assert_true(c.status == STATUS ||
			    (c.status == -EOWNERDEAD && !nameless));
		ring_release(&scene->f.consumer, c.ref);
	}
	return (count);
}

/* What hasn't come had not been begun: whoever gave it takes it back. */
static void
take_back(struct scene *scene)
{
	uint64_t token;

	for (token = 0; token < TOKENS; token++) {
		if (atomic_load(&scene->handled[token]) != 0)
			continue;
		assert_int_equal(UNTOUCHED, record_of(scene, token)->time_ns);
		assert_true(
		    ring_cancel(&scene->f.consumer, scene->refs[token]));
	}
}

static void
end_everywhere(struct scene *scene, bool nameless)
{
	const int stride = child_stride(7, SAMPLED);
	const uint64_t ids = atomic_load(&scene->f.ring.thread_ids);
	int ended = 0, first, last, round = 0, steps;
	pid_t child;

	reserve_all(scene);
	child_measure(publish, scene, &first, &last);
	(void)consume_all(scene, nameless);
	/* The one that was measured had an id, if there is any, for good. */
	atomic_store(&scene->f.ring.thread_ids, ids);
	for (steps = first; steps <= last; steps += stride, round++) {
		atomic_store(cancel, 0);
		reserve_all(scene);
		child = child_start(publish, scene);
		if (child_step(child, steps))
			end_thread(child, (enum ending)(round % ENDINGS));
		ended += consume_all(scene, nameless);
		take_back(scene);
		assert_int_equal(ids, atomic_load(&scene->f.ring.thread_ids));
		scene_expect_whole(scene);
	}
	print_message("%d ends in %d instructions, %d operations ended of %d\n",
	    round, last - first, ended, round * TOKENS);
	assert_in_range(ended, 1, round * TOKENS - 1);
}

static void
with_an_id_it_is_swept(void **state)
{
	end_everywhere(*state, false);
}

static void
a_nameless_one_ends_before_or_after_it_publishes(void **state)
{
	struct scene *scene = *state;
	struct ring_producer named[IDS];
	int i;

	for (i = 0; i < IDS; i++)
		ring_producer_init(&named[i], &scene->f.ring, PRODUCER_NONE);
	end_everywhere(scene, true);
	/* And not because it had an id after all. */
	assert_true(scene->f.consumer.fallbacks > 0);
	for (i = 0; i < IDS; i++)
		ring_producer_fini(&named[i]);
}

static int
setup(void **state)
{
	cancel = mmap(NULL, sizeof(*cancel), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return (cancel == MAP_FAILED ? -1 : scene_setup(state));
}

static int
teardown(void **state)
{
	(void)munmap(cancel, sizeof(*cancel));
	return (scene_teardown(state));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    with_an_id_it_is_swept, setup, teardown),
	cmocka_unit_test_setup_teardown(
	    a_nameless_one_ends_before_or_after_it_publishes, setup, teardown),
};

UNIT_MAIN(tests)
