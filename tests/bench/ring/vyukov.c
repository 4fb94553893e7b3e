/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contestant: a bounded ring after Dmitry Vyukov's design, in our own words,
 * with many producers and one consumer. A cell's sequence says whose turn it
 * is: a producer's when it is the ticket, the consumer's when it is one more,
 * the next lap's producer's when it is a lap more. A ticket is taken with a
 * CAS, once its cell is seen to be free; so a full ring is seen as well, but
 * whoever dies with a ticket stops everybody.
 *
 * A cell is 64 bytes: the sequence and a completion. It knows no sleeping, so
 * one variant writes an eventfd each time; and another reads the clock each
 * time, since our ring does that for the completion's time.
 */
#include "harness.h"

#include <sys/eventfd.h>

struct cell {
	_Alignas(64) _Atomic uint64_t sequence;
	struct completion item;
};
_Static_assert(sizeof(struct cell) == 64, "a record and a cell are as large");

struct vyukov {
	uint64_t mask;
	struct cell *cells;
	int wake_fd;
	_Alignas(BENCH_HOT) _Atomic uint64_t tail;
	_Alignas(BENCH_HOT) uint64_t head; /* the consumer's alone */
};

static struct vyukov *
make_vyukov(uint64_t capacity)
{
	struct vyukov *q = aligned_alloc(BENCH_HOT, sizeof(*q));
	uint64_t i;

	if (q == NULL)
		err(1, "aligned_alloc");
	q->mask = capacity - 1;
	q->cells = aligned_alloc(SEGMENT_PAGE, capacity * sizeof(q->cells[0]));
	q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->cells == NULL || q->wake_fd == -1)
		err(1, "can't make a Vyukov ring");
	for (i = 0; i < capacity; i++)
		atomic_init(&q->cells[i].sequence, i);
	atomic_init(&q->tail, 0);
	q->head = 0;
	return (q);
}

static void *
vyukov_create(unsigned producers)
{
	(void)producers;
	return (make_vyukov(CONTEST_CAPACITY));
}

/* All of it in the first cache, which 4096 cells are not. */
static void *
small_create(unsigned producers)
{
	(void)producers;
	return (make_vyukov(256));
}

static void
vyukov_destroy(void *queue)
{
	struct vyukov *q = queue;

	(void)close(q->wake_fd);
	free(q->cells);
	free(q);
}

/*
 * Member by member: what was just stored so is then loaded so, and can be
 * forwarded. Copied at once it would take half as long again on one thread.
 */
HARNESS_INLINE void
copy(struct completion *to, const struct completion *from)
{
	to->ref = from->ref;
	to->conn = from->conn;
	to->token = from->token;
	to->time_ns = from->time_ns;
	to->aux = from->aux;
	to->bytes = from->bytes;
	to->status = from->status;
	to->op = from->op;
	to->completer = from->completer;
}

HARNESS_INLINE bool
vyukov_push(void *queue, unsigned producer, const struct completion *item)
{
	struct vyukov *q = queue;
	struct cell *cell;
	uint64_t sequence, ticket;

	(void)producer;
	ticket = atomic_load_explicit(&q->tail, memory_order_relaxed);
	for (;;) {
		cell = &q->cells[ticket & q->mask];
		sequence =
		    atomic_load_explicit(&cell->sequence, memory_order_acquire);
		if (sequence == ticket) {
			if (atomic_compare_exchange_weak_explicit(&q->tail,
				&ticket, ticket + 1, memory_order_relaxed,
				memory_order_relaxed))
				break;
		} else if ((int64_t)(sequence - ticket) < 0) {
			return (false);
		} else {
			ticket = atomic_load_explicit(
			    &q->tail, memory_order_relaxed);
		}
	}
	copy(&cell->item, item);
	/* Pairs with the acquire in vyukov_pop(). */
	atomic_store_explicit(
	    &cell->sequence, ticket + 1, memory_order_release);
	return (true);
}

HARNESS_INLINE bool
vyukov_pop(void *queue, struct completion *ret_item)
{
	struct vyukov *q = queue;
	struct cell *cell = &q->cells[q->head & q->mask];

	if (atomic_load_explicit(&cell->sequence, memory_order_acquire) !=
	    q->head + 1)
		return (false);
	copy(ret_item, &cell->item);
	/* Pairs with the acquire in vyukov_push(). */
	atomic_store_explicit(
	    &cell->sequence, q->head + q->mask + 1, memory_order_release);
	q->head++;
	return (true);
}

HARNESS_INLINE bool
clock_push(void *queue, unsigned producer, const struct completion *item)
{
	struct completion timed = *item;

	timed.time_ns = clock_now();
	return (vyukov_push(queue, producer, &timed));
}

static inline bool
eventfd_push(void *queue, unsigned producer, const struct completion *item)
{
	const struct vyukov *q = queue;
	const uint64_t one = 1;

	if (!vyukov_push(queue, producer, item))
		return (false);
	/* It can't fail: the counter is far from full. */
	(void)!write(q->wake_fd, &one, sizeof(one));
	return (true);
}

static int
vyukov_wake_fd(void *queue)
{
	const struct vyukov *q = queue;

	return (q->wake_fd);
}

static const struct contestant vyukov = {
	.name = "Vyukov",
	.create = vyukov_create,
	.destroy = vyukov_destroy,
	.push = vyukov_push,
	.pop = vyukov_pop,
};

static const struct contestant vyukov_small = {
	.name = "Vyukov, 256 cells",
	.create = small_create,
	.destroy = vyukov_destroy,
	.push = vyukov_push,
	.pop = vyukov_pop,
};

static const struct contestant vyukov_clock = {
	.name = "Vyukov + clock",
	.create = vyukov_create,
	.destroy = vyukov_destroy,
	.push = clock_push,
	.pop = vyukov_pop,
};

static const struct contestant vyukov_eventfd = {
	.name = "Vyukov + eventfd",
	.create = vyukov_create,
	.destroy = vyukov_destroy,
	.push = eventfd_push,
	.pop = vyukov_pop,
	.wake_fd = vyukov_wake_fd,
	.wake_events = EPOLLIN | EPOLLET,
	.slow = true,
};

CONTEST_ENTRANT(entrant_vyukov, vyukov);
CONTEST_ENTRANT(entrant_vyukov_small, vyukov_small);
CONTEST_ENTRANT(entrant_vyukov_clock, vyukov_clock);
CONTEST_ENTRANT(entrant_vyukov_eventfd, vyukov_eventfd);
