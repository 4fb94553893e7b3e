/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loops that every contestant is measured in; see contest.h. A
 * contestant's file ends with CONTEST_ENTRANT(its entrant, its contestant).
 */
#ifndef BENCH_RING_HARNESS_H
#define BENCH_RING_HARNESS_H

#include "contest.h"

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HARNESS_INLINE static inline __attribute__((always_inline))

/* Wait for the other side; a try that is a system call counts for many. */
HARNESS_INLINE void
harness_wait(const struct contestant *c, unsigned *spins)
{
	if (c->slow)
		*spins += 255;
	bench_wait(spins);
}

/* What the threads of one measurement share. */
struct harness_run {
	struct bench *bench;
	const struct plan *plan;
	void *queue;
	int epoll_fd;
	_Alignas(
	    BENCH_HOT) _Atomic unsigned ready; /* producers at their start */
	_Alignas(BENCH_HOT) _Atomic bool go;
	_Alignas(BENCH_HOT) _Atomic uint64_t total; /* less, if time is up */
	_Alignas(BENCH_HOT) _Atomic uint64_t handled;
	_Alignas(BENCH_HOT) _Atomic uint64_t asleep; /* handled + 1, before */
};

struct harness_thread {
	struct harness_run *run;
	unsigned producer;
	pthread_t thread;
};

/* What the consumer keeps: each completion comes once, whatever the order. */
struct harness_account {
	uint64_t *seen[BENCH_PRODUCERS_MAX]; /* a bit for each sequence */
	double *samples;
	unsigned sample_count;
};

/* The handler has seen all of it: no copy may be left out as unused. */
HARNESS_INLINE void
harness_use(const struct completion *item)
{
	__asm__ volatile("" : : "m"(*item));
}

HARNESS_INLINE bool
harness_same_thread(const struct contestant *c, struct bench *bench,
    unsigned count, double *ret_ns)
{
	struct completion in = { .op = OPERATION_FLUSH }, out;
	void *queue = c->create(1);
	uint64_t began = 0, wrong = 0;
	unsigned i, warm_up = count / 4;

	if (queue == NULL)
		return (false);
	for (i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			began = bench_ticks();
		in.bytes = i;
		wrong += !c->push(queue, 0, &in);
		wrong += !c->pop(queue, &out) || out.bytes != i;
		harness_use(&out);
		if (c->done != NULL)
			c->done(queue, &out);
	}
	*ret_ns = (double)(bench_ticks() - began) * bench->ns_per_tick / count;
	bench->wrong += wrong + c->pop(queue, &out);
	bench->delivered += i - wrong;
	c->destroy(queue);
	return (true);
}

/* Only the pushing is timed, in groups that stay in the first cache. */
HARNESS_INLINE bool
harness_publish(const struct contestant *c, struct bench *bench, unsigned count,
    double *ret_ns)
{
	enum {
		GROUP = 64
	};
	struct completion in = { .op = OPERATION_FLUSH }, out;
	void *queue = c->create(1);
	uint64_t began, spent = 0, wrong = 0;
	unsigned group, i;

	if (queue == NULL)
		return (false);
	for (group = 0; group < count / GROUP; group++) {
		began = bench_ticks();
		for (i = 0; i < GROUP; i++) {
			in.bytes = i;
			wrong += !c->push(queue, 0, &in);
		}
		if (group >= count / GROUP / 4) /* warm by now */
			spent += bench_ticks() - began;
		for (i = 0; i < GROUP; i++) {
			wrong += !c->pop(queue, &out) || out.bytes != i;
			harness_use(&out);
			if (c->done != NULL)
				c->done(queue, &out);
		}
	}
	group -= count / GROUP / 4;
	*ret_ns = (double)spent * bench->ns_per_tick / (group * GROUP);
	bench->wrong += wrong + c->pop(queue, &out);
	bench->delivered += count / GROUP * GROUP - wrong;
	c->destroy(queue);
	return (true);
}

/* Is it time for the batch after ${sent}? */
HARNESS_INLINE void
harness_await(struct harness_run *run, unsigned sent)
{
	const unsigned settle_ns = 20000; /* into the kernel, and asleep */
	unsigned spins = 0;

	if (run->plan->pace == PACE_HANDLED) {
		while (atomic_load_explicit(
			   &run->handled, memory_order_acquire) != sent)
			bench_wait(&spins);
		/* The consumer polls again; at a phase of its own. */
		bench_spin(run->bench, 200 + sent * 7919 % 128);
	} else if (run->plan->pace == PACE_ASLEEP) {
		while (atomic_load_explicit(
			   &run->asleep, memory_order_acquire) != sent + 1)
			bench_wait(&spins);
		bench_spin(run->bench, settle_ns);
	}
}

/*
 * Some contestants spin for a thread that isn't running, where there are more
 * threads than cores: a measurement ends after a while with what it has.
 */
HARNESS_INLINE bool
harness_is_late(const struct harness_run *run, unsigned sent, uint64_t began)
{
	const double longest_ns = 5e7;

	return (!run->plan->sleeps && sent % 64 == 0 &&
		(double)(bench_ticks() - began) * run->bench->ns_per_tick >
		    longest_ns);
}

HARNESS_INLINE void
harness_produce(const struct contestant *c, struct harness_thread *thread)
{
	struct harness_run *run = thread->run;
	const struct plan *plan = run->plan;
	struct completion items[CONTEST_BATCH] = { { .bytes = 0 } };
	unsigned i, sent, spins = 0, went;
	uint64_t began;

	bench_pin(run->bench, 1 + thread->producer);
	for (i = 0; i < CONTEST_BATCH; i++) {
		items[i].op = OPERATION_FLUSH;
		items[i].status = (int32_t)thread->producer;
	}
	(void)atomic_fetch_add(&run->ready, 1);
	while (!atomic_load(&run->go))
		bench_wait(&spins);
	began = bench_ticks();
	for (sent = 0; sent < plan->count; sent += plan->batch) {
		if (harness_is_late(run, sent, began)) {
			(void)atomic_fetch_sub(&run->total, plan->count - sent);
			break;
		}
		for (i = 0; i < plan->batch; i++)
			items[i].bytes = sent + i;
		if (plan->pace != PACE_STREAM) {
			harness_await(run, sent);
			items[plan->batch - 1].aux = bench_ticks();
		}
		for (i = 0; i < plan->batch; i += went) {
			if (c->push_many != NULL && plan->batch > 1)
				went =
				    c->push_many(run->queue, thread->producer,
					&items[i], plan->batch - i);
			else
				went = c->push(
				    run->queue, thread->producer, &items[i]);
			if (went == 0)
				harness_wait(c, &spins);
		}
	}
}

/* A completion has come: is it one that is due, and how old is it? */
HARNESS_INLINE void
harness_account(struct harness_run *run, struct harness_account *account,
    const struct completion *item)
{
	const struct plan *plan = run->plan;
	const uint64_t sequence = (uint64_t)item->bytes;
	const uint32_t producer = (uint32_t)item->status;
	const uint64_t bit = UINT64_C(1) << (sequence % 64);

	if (plan->pace != PACE_STREAM && (sequence + 1) % plan->batch == 0)
		account->samples[account->sample_count++] =
		    (double)(bench_ticks() - item->aux) *
		    run->bench->ns_per_tick / plan->batch;
	if (producer >= plan->producers || sequence >= plan->count ||
	    (account->seen[producer][sequence / 64] & bit) != 0) {
		run->bench->wrong++;
		return;
	}
	account->seen[producer][sequence / 64] |= bit;
	run->bench->delivered++;
}

/* Nothing there: sleep, as a dispatch loop does, in epoll_wait. */
HARNESS_INLINE void
harness_sleep(
    const struct contestant *c, struct harness_run *run, uint64_t handled)
{
	const int lost_ms = 10000;
	struct epoll_event event;

	if (c->may_sleep != NULL && !c->may_sleep(run->queue))
		return;
	atomic_store_explicit(&run->asleep, handled + 1, memory_order_release);
	if (epoll_wait(run->epoll_fd, &event, 1, lost_ms) == 0)
		run->bench->wrong++; /* a lost wake-up */
	if (c->awake != NULL)
		c->awake(run->queue);
}

HARNESS_INLINE void
harness_consume(const struct contestant *c, struct harness_run *run,
    struct harness_account *account)
{
	const struct plan *plan = run->plan;
	struct completion item;
	uint64_t handled = 0;
	unsigned spins = 0;

	while (
	    handled < atomic_load_explicit(&run->total, memory_order_relaxed)) {
		if (!c->pop(run->queue, &item)) {
			if (plan->sleeps)
				harness_sleep(c, run, handled);
			else
				harness_wait(c, &spins);
			continue;
		}
		spins = 0;
		harness_use(&item);
		harness_account(run, account, &item);
		if (plan->work_ns != 0)
			bench_spin(run->bench, plan->work_ns);
		if (c->done != NULL)
			c->done(run->queue, &item);
		handled++;
		if (plan->pace != PACE_STREAM)
			atomic_store_explicit(
			    &run->handled, handled, memory_order_release);
	}
	run->bench->wrong += c->pop(run->queue, &item);
}

HARNESS_INLINE void
harness_account_init(struct harness_account *account, const struct plan *plan)
{
	unsigned i;

	*account = (struct harness_account){ .sample_count = 0 };
	account->samples = calloc(plan->count, sizeof(account->samples[0]));
	if (account->samples == NULL)
		err(1, "calloc");
	for (i = 0; i < plan->producers; i++) {
		account->seen[i] =
		    calloc(plan->count / 64, sizeof(account->seen[i][0]));
		if (account->seen[i] == NULL)
			err(1, "calloc");
	}
}

HARNESS_INLINE void
harness_account_free(struct harness_account *account, const struct plan *plan)
{
	unsigned i;

	free(account->samples);
	for (i = 0; i < plan->producers; i++)
		free(account->seen[i]);
}

/* The descriptor that a sleeping consumer waits for. */
HARNESS_INLINE int
harness_epoll(const struct contestant *c, void *queue)
{
	struct epoll_event event = { .events = c->wake_events };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd == -1 ||
	    (c->wake_fd != NULL &&
		epoll_ctl(fd, EPOLL_CTL_ADD, c->wake_fd(queue), &event) == -1))
		err(1, "epoll");
	return (fd);
}

/* How often the eventfd was written: nobody has read it. */
HARNESS_INLINE uint64_t
harness_wakes(const struct contestant *c, void *queue)
{
	uint64_t count;

	if (c->wake_fd == NULL || (c->wake_events & EPOLLET) == 0 ||
	    read(c->wake_fd(queue), &count, sizeof(count)) != sizeof(count))
		return (0);
	return (count);
}

HARNESS_INLINE bool
harness_cross(const struct contestant *c, void *(*thread_main)(void *),
    struct bench *bench, const struct plan *plan, struct outcome *ret_outcome)
{
	struct harness_thread threads[BENCH_PRODUCERS_MAX];
	struct harness_run run = { .bench = bench, .plan = plan };
	struct harness_account account;
	double total;
	uint64_t began;
	unsigned i, spins = 0;

	run.queue = c->create(plan->producers);
	if (run.queue == NULL)
		return (false);
	atomic_init(&run.total, (uint64_t)plan->producers * plan->count);
	run.epoll_fd = harness_epoll(c, run.queue);
	harness_account_init(&account, plan);
	for (i = 0; i < plan->producers; i++) {
		threads[i] =
		    (struct harness_thread){ .run = &run, .producer = i };
		if (pthread_create(&threads[i].thread, NULL, thread_main,
			&threads[i]) != 0)
			errx(1, "pthread_create");
	}
	while (atomic_load(&run.ready) < plan->producers)
		bench_wait(&spins);
	atomic_store(&run.go, true);
	began = bench_ticks();
	harness_consume(c, &run, &account);
	total = (double)atomic_load(&run.total);
	ret_outcome->ns =
	    (double)(bench_ticks() - began) * bench->ns_per_tick / total;
	for (i = 0; i < plan->producers; i++)
		(void)pthread_join(threads[i].thread, NULL);
	if (plan->pace != PACE_STREAM)
		ret_outcome->ns =
		    bench_typical(account.samples, account.sample_count);
	ret_outcome->wakes = (double)harness_wakes(c, run.queue) / total;
	harness_account_free(&account, plan);
	(void)close(run.epoll_fd);
	c->destroy(run.queue);
	return (true);
}

/*
 * Two cores in turns: one pushes HARNESS_TURN completions, the other takes
 * them. Each side is timed alone, with all that it touches in the other's
 * cache; so neither waits for the other, nor runs at its heels.
 */
enum {
	HARNESS_TURN = 1024
};

struct harness_turns {
	struct bench *bench;
	void *queue;
	unsigned turns;
	uint64_t push_ticks;
	uint64_t full; /* pushes that found no room */
	_Alignas(BENCH_HOT) _Atomic unsigned turn; /* odd: the consumer's */
};

HARNESS_INLINE void
harness_take_turns(const struct contestant *c, struct harness_turns *run)
{
	struct completion item = { .op = OPERATION_FLUSH };
	unsigned i, spins = 0, turn;
	uint64_t began;

	bench_pin(run->bench, 1);
	for (turn = 0; turn < run->turns; turn++) {
		while (atomic_load_explicit(&run->turn, memory_order_acquire) !=
		       2 * turn)
			bench_wait(&spins);
		began = bench_ticks();
		for (i = 0; i < HARNESS_TURN; i++) {
			item.bytes = i;
			run->full += !c->push(run->queue, 0, &item);
		}
		if (turn >= run->turns / 4) /* warm by now */
			run->push_ticks += bench_ticks() - began;
		atomic_store_explicit(
		    &run->turn, 2 * turn + 1, memory_order_release);
	}
}

HARNESS_INLINE bool
harness_turns(const struct contestant *c, void *(*thread_main)(void *),
    struct bench *bench, unsigned turns, struct sides *ret_sides)
{
	struct harness_turns run = { .bench = bench, .turns = turns };
	const double per_turn = bench->ns_per_tick / HARNESS_TURN;
	struct completion item;
	pthread_t thread;
	uint64_t began, ticks = 0, wrong = 0;
	unsigned i, spins = 0, turn;

	run.queue = c->create(1);
	if (run.queue == NULL)
		return (false);
	if (pthread_create(&thread, NULL, thread_main, &run) != 0)
		errx(1, "pthread_create");
	for (turn = 0; turn < turns; turn++) {
		while (atomic_load_explicit(&run.turn, memory_order_acquire) !=
		       2 * turn + 1)
			bench_wait(&spins);
		began = bench_ticks();
		for (i = 0; i < HARNESS_TURN; i++) {
			wrong += !c->pop(run.queue, &item) || item.bytes != i;
			harness_use(&item);
			if (c->done != NULL)
				c->done(run.queue, &item);
		}
		if (turn >= turns / 4)
			ticks += bench_ticks() - began;
		atomic_store_explicit(
		    &run.turn, 2 * turn + 2, memory_order_release);
	}
	(void)pthread_join(thread, NULL);
	turns -= turns / 4;
	ret_sides->push = (double)run.push_ticks * per_turn / turns;
	ret_sides->pop = (double)ticks * per_turn / turns;
	bench->wrong += wrong + run.full;
	bench->delivered += (uint64_t)turn * HARNESS_TURN - wrong;
	c->destroy(run.queue);
	return (true);
}

#define CONTEST_ENTRANT(id, c)                                                 \
	static bool id##_same(                                                 \
	    struct bench *bench, unsigned count, double *ret_ns)               \
	{                                                                      \
		return (harness_same_thread(&(c), bench, count, ret_ns));      \
	}                                                                      \
	static bool id##_publish(                                              \
	    struct bench *bench, unsigned count, double *ret_ns)               \
	{                                                                      \
		return (harness_publish(&(c), bench, count, ret_ns));          \
	}                                                                      \
	static void *id##_thread(void *thread)                                 \
	{                                                                      \
		harness_produce(&(c), thread);                                 \
		return (NULL);                                                 \
	}                                                                      \
	static void *id##_turn_thread(void *run)                               \
	{                                                                      \
		harness_take_turns(&(c), run);                                 \
		return (NULL);                                                 \
	}                                                                      \
	static bool id##_turns(                                                \
	    struct bench *bench, unsigned turns, struct sides *ret_sides)      \
	{                                                                      \
		return (harness_turns(                                         \
		    &(c), id##_turn_thread, bench, turns, ret_sides));         \
	}                                                                      \
	static bool id##_cross(struct bench *bench, const struct plan *plan,   \
	    struct outcome *ret_outcome)                                       \
	{                                                                      \
		return (harness_cross(                                         \
		    &(c), id##_thread, bench, plan, ret_outcome));             \
	}                                                                      \
	const struct entrant id = { &(c), id##_same, id##_publish, id##_turns, \
		id##_cross }

#endif
