/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eight producer processes on one ring, killed at random and replaced: no
 * operation is lost and none ends twice, and no wake-up is lost. Five seconds
 * in the suite, or as many as the environment's BULKHEAD_SOAK_SECONDS says.
 *
 * The consumer reserves operations, assigns each to a producer and sends it
 * the reference through a mailbox. A producer completes it with a result that
 * follows from its token. For every completion the consumer knows which it may
 * be: the true one, or, only after a death, -EOWNERDEAD.
 */
#include "tests/unit/shm/fixture.h"
#include "tests/unit/shm/unit.h"

#include "shm/base/clock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PRODUCERS = 8,
	OUTSTANDING = 24, /* for each producer */
	MAILBOX = 32,     /* power of two, more than that */
	RECORDS = 256,
	SECONDS = 5,
	KILL_EVERY_US = 3000, /* on average */
	WATCHDOG_MS = 100,    /* then a sleep must have been for want of work */
	STUCK_MS = 20000,
};

/*
 * One producer process; the mailbox is written by the consumer alone, and
 * `inside` by the producer, which is true from before it publishes until it
 * has written the eventfd.
 */
struct helper {
	_Atomic uint64_t sent;
	_Atomic bool inside;
	ring_ref refs[MAILBOX];
	uint64_t tokens[MAILBOX];
};

/*
 * What the consumer knows of one operation: the last SLOTS of each producer,
 * so that one of which nothing came while so many others ended is lost.
 */
struct pledge {
	uint64_t token;
	ring_ref ref; /* 0: none */
	int helper;
	bool orphaned; /* swept after its producer's death */
};

enum {
	SLOTS = 4096
};

struct soak {
	struct fixture f;
	struct helper *helpers; /* shared with the producers */
	struct ring_producer producers[PRODUCERS];
	pid_t pids[PRODUCERS];
	int pid_fds[PRODUCERS];
	int outstanding[PRODUCERS];
	struct pledge pledges[PRODUCERS][SLOTS];
	uint64_t random;
	uint64_t operations;
	int epoll;
	/* Counts. */
	uint64_t published, dead_ends, kills, sleeps;
	uint64_t idle_sleeps; /* a watchdog's time, and nothing to do */
	uint64_t late_wakes;  /* the same, until a producer went on, or died */
};

static uint64_t
next_random(struct soak *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (s->random);
}

/* The result that follows from a token. */
static int64_t
bytes_of(uint64_t token)
{
	return ((int64_t)(token * UINT64_C(0x9e3779b97f4a7c15) >> 1));
}

/* Complete all that is in the mailbox from ${from} on; how many those are. */
static uint64_t
produce_batch(
    struct helper *helper, struct ring_producer *producer, uint64_t from)
{
	const uint64_t count = atomic_load(&helper->sent) - from;
	struct ring_result results[MAILBOX];
	uint64_t i, token;

	for (i = 0; i < count; i++) {
		token = helper->tokens[(from + i) % MAILBOX];
		results[i] = (struct ring_result){
			.ref = helper->refs[(from + i) % MAILBOX],
			.bytes = bytes_of(token),
			.status = -EPIPE,
			.aux = ~token,
		};
	}
	ring_publish_batch(producer, results, count);
	return (count);
}

/* Complete operation ${i} of the mailbox, perhaps with those behind it. */
static uint64_t
produce_some(struct helper *helper, struct ring_producer *producer, uint64_t i)
{
	const ring_ref ref = helper->refs[i % MAILBOX];
	const uint64_t token = helper->tokens[i % MAILBOX];

	switch (i % 3) {
	case 0:
		ring_publish(producer, ref, bytes_of(token), -EPIPE, ~token);
		return (1);
	case 1:
		if (ring_try_publish(
			producer, ref, bytes_of(token), -EPIPE, ~token) != 0)
			abort();
		return (1);
	default:
		return (produce_batch(helper, producer, i));
	}
}

static _Noreturn void
produce(struct helper *helper, struct ring_producer *producer, uint64_t from,
    pid_t parent)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	uint64_t i;
	int tries;

	/* Should the test itself be killed; perhaps it has been already. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (i = from;;) {
		for (tries = 0; atomic_load(&helper->sent) == i; tries++)
			if (tries < 100)
				(void)sched_yield();
			else
				(void)nanosleep(&pause, NULL);
		atomic_store(&helper->inside, true);
		i += produce_some(helper, producer, i);
		atomic_store(&helper->inside, false);
	}
}

static void
start_helper(struct soak *s, int number)
{
	struct helper *helper = &s->helpers[number];
	struct epoll_event event = { .events = EPOLLIN };
	const uint64_t from = atomic_load(&helper->sent);
	const pid_t parent = getpid();
	pid_t pid;

	/* The id of a producer in another process is set aside for it. */
	ring_producer_init(&s->producers[number], &s->f.ring, PRODUCER_NONE);
	assert_int_not_equal(PRODUCER_NONE, s->producers[number].id);
	/* Its predecessor may have died there. */
	atomic_store(&helper->inside, false);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0)
		produce(helper, &s->producers[number], from, parent);
	s->pids[number] = pid;
	s->pid_fds[number] = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(s->pid_fds[number] != -1);
	event.data.u32 = (uint32_t)number + 1;
	assert_int_equal(
	    0, epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->pid_fds[number], &event));
}

static struct pledge *
pledge_of(struct soak *s, uint64_t token)
{
	return (&s->pledges[token % PRODUCERS][token / PRODUCERS % SLOTS]);
}

/* Give a producer work up to its limit. */
static void
submit(struct soak *s, int number)
{
	struct helper *helper = &s->helpers[number];
	struct pledge *pledge;
	uint64_t sent, token;

	while (s->outstanding[number] < OUTSTANDING) {
		sent = atomic_load(&helper->sent);
		token = sent * PRODUCERS + (uint64_t)number;
		pledge = pledge_of(s, token);
		assert_int_equal(0, pledge->ref);
		*pledge = (struct pledge){ .token = token, .helper = number };
		assert_int_equal(0,
		    ring_reserve(&s->f.consumer, CREDIT_CONTROL, OPERATION_POST,
			(uint64_t)number, token, &pledge->ref));
		ring_assign(
		    &s->f.consumer, pledge->ref, s->producers[number].id);
		helper->refs[sent % MAILBOX] = pledge->ref;
		helper->tokens[sent % MAILBOX] = token;
		atomic_store(&helper->sent, sent + 1);
		s->outstanding[number]++;
		s->operations++;
	}
}

/* One completion: of an operation that hasn't ended, and true. */
static void
check(struct soak *s, const struct completion *c)
{
	struct pledge *pledge = pledge_of(s, c->token);

	assert_int_equal(pledge->token, c->token);
	assert_int_equal(pledge->ref, c->ref); /* else it has ended before */
	assert_int_equal(pledge->helper, c->conn);
	if (c->status == -EOWNERDEAD) {
		assert_true(pledge->orphaned);
		s->dead_ends++;
	} else {
		assert_int_equal(-EPIPE, c->status);
		assert_int_equal(bytes_of(c->token), c->bytes);
		assert_int_equal(~c->token, c->aux);
		s->published++;
	}
	pledge->ref = 0;
	s->outstanding[pledge->helper]--;
	ring_release(&s->f.consumer, c->ref);
}

static bool
consume_all(struct soak *s)
{
	struct completion c;
	bool any = false;

	for (; ring_consume(&s->f.consumer, &c); any = true)
		check(s, &c);
	return (any);
}

/* What the dead producer has left must end now. */
static void
bury(struct soak *s, int number)
{
	int status;
	size_t i;

	assert_int_equal(s->pids[number], waitpid(s->pids[number], &status, 0));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* The other producers have it too, so that close isn't enough. */
	assert_int_equal(
	    0, epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->pid_fds[number], NULL));
	(void)close(s->pid_fds[number]);
	for (i = 0; i < SLOTS; i++)
		s->pledges[number][i].orphaned = true;
	(void)ring_sweep(&s->f.consumer, s->producers[number].id);
	(void)consume_all(s); /* past its tickets, before another has the id */
	ring_producer_fini(&s->producers[number]);
	assert_int_equal(0, s->outstanding[number]);
}

static bool
is_anything_published(const struct soak *s)
{
	const struct segment_producers *words = s->f.segment.producers;

	return (atomic_load(&words->tail) != s->f.consumer.head ||
		atomic_load(&words->summary) != 0);
}

static bool
is_anybody_inside(const struct soak *s)
{
	int i;

	for (i = 0; i < PRODUCERS; i++)
		if (atomic_load(&s->helpers[i].inside))
			return (true);
	return (false);
}

/*
 * We still say SLEEPING, and something has been published since. Whoever did
 * it is inside, and will write the eventfd or die, however long that takes; or
 * it isn't any more, and so has written it. No time decides.
 */
static int
wait_for_late(struct soak *s, struct epoll_event *events)
{
	bool inside;
	int count;

	do {
		inside = is_anybody_inside(s);
		count = epoll_wait(s->epoll, events, PRODUCERS + 1, inside);
		assert_true(count != -1);
		if (count == 0 && !inside)
			fail_msg("a wake-up was lost");
	} while (count == 0);
	s->late_wakes++;
	return (count);
}

/* Block as the engine does, until a completion or a death. */
static void
block(struct soak *s, bool replace)
{
	struct epoll_event events[PRODUCERS + 1];
	int count, i;

	if (!ring_may_sleep(&s->f.consumer))
		return;
	s->sleeps++;
	count = epoll_wait(s->epoll, events, PRODUCERS + 1, WATCHDOG_MS);
	assert_true(count != -1);
	if (count == 0 && is_anything_published(s))
		count = wait_for_late(s, events);
	else if (count == 0)
		s->idle_sleeps++;
	ring_awake(&s->f.consumer);
	for (i = 0; i < count; i++) {
		if (events[i].data.u32 == 0)
			continue;
		bury(s, (int)events[i].data.u32 - 1);
		if (replace)
			start_helper(s, (int)events[i].data.u32 - 1);
	}
}

static void
kill_one(struct soak *s)
{
	const int number = (int)(next_random(s) % PRODUCERS);

	/* A zombie is killed once more without harm. */
	assert_int_equal(0, kill(s->pids[number], SIGKILL));
	s->kills++;
}

static uint64_t
seconds(void)
{
	const char *text = getenv("BULKHEAD_SOAK_SECONDS");

	return (text == NULL ? SECONDS : strtoul(text, NULL, 10));
}

/* Deaths are noticed in block(); look there too while there is work. */
static void
run(struct soak *s)
{
	const uint64_t end = clock_now() + seconds() * UINT64_C(1000000000);
	uint64_t next_kill = 0, turn;
	int i;

	for (turn = 0; clock_now() < end; turn++) {
		for (i = 0; i < PRODUCERS; i++)
			submit(s, i);
		if (clock_now() >= next_kill) {
			kill_one(s);
			next_kill =
			    clock_now() +
			    next_random(s) % (UINT64_C(2000) * KILL_EVERY_US);
		}
		if (!consume_all(s) || turn % 64 == 0)
			block(s, true);
	}
}

/* All that is in flight still ends; then the producers are ended. */
static void
finish(struct soak *s)
{
	const uint64_t stuck = clock_now() + UINT64_C(1000000) * STUCK_MS;
	int i;

	while (s->f.consumer.free_count < RECORDS) {
		assert_true(clock_now() < stuck);
		if (!consume_all(s))
			block(s, true);
	}
	for (i = 0; i < PRODUCERS; i++) {
		assert_int_equal(0, s->outstanding[i]);
		assert_int_equal(0, kill(s->pids[i], SIGKILL));
		bury(s, i);
	}
	assert_int_equal(RECORDS, s->f.consumer.free_count);
	assert_int_equal(0, s->f.consumer.corrupt);
	assert_int_equal(0, atomic_load(&s->f.ring.thread_ids));
	assert_int_equal(s->operations, s->published + s->dead_ends);
}

static int
setup(void **state)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct segment_geometry geometry = fixture_geometry();
	struct soak *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return (-1);
	*state = s;
	geometry.records = RECORDS;
	geometry.entries_log2 = 10;
	geometry.producers = PRODUCER_THREADS + PRODUCERS;
	s->random = clock_now() | 1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->helpers = mmap(NULL, PRODUCERS * sizeof(*s->helpers),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fixture_make(&s->f, &geometry) != 0 || s->epoll == -1 ||
	    s->helpers == MAP_FAILED ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->f.wake_fd, &event) == -1)
		return (-1);
	return (madvise(s->f.segment.base, s->f.segment.size, MADV_DOFORK));
}

static int
teardown(void **state)
{
	struct soak *s = *state;

	(void)munmap(s->helpers, PRODUCERS * sizeof(*s->helpers));
	(void)close(s->epoll);
	fixture_unmake(&s->f);
	free(s);
	return (0);
}

static void
nothing_is_lost_and_nothing_ends_twice(void **state)
{
	struct soak *s = *state;
	int i;

	if (UNIT_TSAN)
		skip(); /* sees no other process, and forks too slowly */
	for (i = 0; i < PRODUCERS; i++)
		start_helper(s, i);
	run(s);
	finish(s);
	print_message("%lu operations: %lu completed, %lu ended by %lu "
		      "deaths; 0 lost, 0 twice; %lu tickets poisoned, "
		      "%lu by bitmap, %lu sleeps, %lu of them a watchdog's "
		      "time with nothing published, %lu with a producer that "
		      "didn't go on\n",
	    (unsigned long)s->operations, (unsigned long)s->published,
	    (unsigned long)s->dead_ends, (unsigned long)s->kills,
	    (unsigned long)s->f.consumer.poisoned,
	    (unsigned long)s->f.consumer.fallbacks, (unsigned long)s->sleeps,
	    (unsigned long)s->idle_sleeps, (unsigned long)s->late_wakes);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    nothing_is_lost_and_nothing_ends_twice, setup, teardown),
};

UNIT_MAIN(tests)
