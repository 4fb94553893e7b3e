/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contestant: design R2, a lane for each producer. A slot of 64 bytes carries
 * the completion itself, and the stamp that says whose turn it is; nobody but
 * its producer and the consumer touches a lane, so there is no ticket. The
 * wake test needs a full barrier behind the stamp, which is the one locked
 * instruction that is left: for each completion, or for each batch.
 *
 * It has what Bulkhead's ring has of wake-ups, and none of its records: what a
 * dead producer was to complete would have to be known from elsewhere.
 */
#include "harness.h"

#include <sys/eventfd.h>

struct lane_slot {
	_Alignas(64) _Atomic uint64_t stamp;
	struct completion item;
};
_Static_assert(sizeof(struct lane_slot) == 64, "as large as a record");

struct lane {
	struct lane_slot *slots;
	_Alignas(BENCH_HOT) uint64_t tail; /* the producer's */
	_Alignas(BENCH_HOT) uint64_t head; /* the consumer's */
};

struct lanes {
	uint64_t mask;
	unsigned count;
	unsigned next; /* where the consumer looks first */
	int wake_fd;
	_Alignas(BENCH_HOT) _Atomic uint32_t sleeping;
	struct lane lanes[BENCH_PRODUCERS_MAX];
};

static void *
lanes_create(unsigned producers)
{
	struct lanes *q = aligned_alloc(BENCH_HOT, sizeof(*q));
	struct lane *lane;
	uint64_t i;

	if (q == NULL)
		err(1, "aligned_alloc");
	*q = (struct lanes){
		.mask = CONTEST_CAPACITY - 1,
		.count = producers,
		.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};
	for (lane = q->lanes; lane < q->lanes + producers; lane++) {
		lane->slots = aligned_alloc(
		    SEGMENT_PAGE, CONTEST_CAPACITY * sizeof(lane->slots[0]));
		if (lane->slots == NULL || q->wake_fd == -1)
			err(1, "can't make lanes");
		for (i = 0; i < CONTEST_CAPACITY; i++)
			atomic_init(&lane->slots[i].stamp, i);
	}
	return (q);
}

static void
lanes_destroy(void *queue)
{
	struct lanes *q = queue;
	unsigned i;

	for (i = 0; i < q->count; i++)
		free(q->lanes[i].slots);
	(void)close(q->wake_fd);
	free(q);
}

/* The slot that comes next is the producer's again; else NULL. */
HARNESS_INLINE struct lane_slot *
next_slot(const struct lanes *q, const struct lane *lane)
{
	struct lane_slot *slot = &lane->slots[lane->tail & q->mask];

	return (atomic_load_explicit(&slot->stamp, memory_order_acquire) ==
			lane->tail
		    ? slot
		    : NULL);
}

HARNESS_INLINE void
wake(struct lanes *q)
{
	const uint64_t one = 1;

	/* Dekker, as in shm/ring_publish.c. */
	if (atomic_load_explicit(&q->sleeping, memory_order_seq_cst) != 0)
		(void)!write(q->wake_fd, &one, sizeof(one));
}

HARNESS_INLINE bool
lanes_push(void *queue, unsigned producer, const struct completion *item)
{
	struct lanes *q = queue;
	struct lane *lane = &q->lanes[producer];
	struct lane_slot *slot = next_slot(q, lane);

	if (slot == NULL)
		return (false);
	slot->item = *item;
	(void)atomic_exchange_explicit(
	    &slot->stamp, ++lane->tail, memory_order_seq_cst);
	wake(q);
	return (true);
}

HARNESS_INLINE unsigned
lanes_push_many(void *queue, unsigned producer, const struct completion *items,
    unsigned count)
{
	struct lanes *q = queue;
	struct lane *lane = &q->lanes[producer];
	struct lane_slot *slot = NULL, *last = NULL;
	unsigned i;

	for (i = 0; i < count && (slot = next_slot(q, lane)) != NULL; i++) {
		slot->item = items[i];
		atomic_store_explicit(
		    &slot->stamp, ++lane->tail, memory_order_release);
		last = slot;
	}
	if (last != NULL) {
		/* The barrier alone; the consumer may have moved it on. */
		(void)atomic_fetch_add_explicit(
		    &last->stamp, 0, memory_order_seq_cst);
		wake(q);
	}
	return (i);
}

HARNESS_INLINE bool
lanes_pop(void *queue, struct completion *ret_item)
{
	struct lanes *q = queue;
	struct lane_slot *slot;
	struct lane *lane;
	unsigned i;

	for (i = 0; i < q->count; i++) {
		lane = &q->lanes[q->next];
		if (++q->next == q->count)
			q->next = 0;
		slot = &lane->slots[lane->head & q->mask];
		if (atomic_load_explicit(&slot->stamp, memory_order_acquire) !=
		    lane->head + 1)
			continue;
		*ret_item = slot->item;
		atomic_store_explicit(&slot->stamp, lane->head + q->mask + 1,
		    memory_order_release);
		lane->head++;
		return (true);
	}
	return (false);
}

static bool
lanes_may_sleep(void *queue)
{
	struct lanes *q = queue;
	const struct lane *lane;

	atomic_store_explicit(&q->sleeping, 1, memory_order_seq_cst);
	for (lane = q->lanes; lane < q->lanes + q->count; lane++) {
		if (atomic_load_explicit(
			&lane->slots[lane->head & q->mask].stamp,
			memory_order_seq_cst) != lane->head + 1)
			continue;
		atomic_store_explicit(&q->sleeping, 0, memory_order_relaxed);
		return (false);
	}
	return (true);
}

static void
lanes_awake(void *queue)
{
	struct lanes *q = queue;

	atomic_store_explicit(&q->sleeping, 0, memory_order_relaxed);
}

static int
lanes_wake_fd(void *queue)
{
	const struct lanes *q = queue;

	return (q->wake_fd);
}

static const struct contestant lanes = {
	.name = "a lane for each producer (R2)",
	.create = lanes_create,
	.destroy = lanes_destroy,
	.push = lanes_push,
	.push_many = lanes_push_many,
	.pop = lanes_pop,
	.may_sleep = lanes_may_sleep,
	.awake = lanes_awake,
	.wake_fd = lanes_wake_fd,
	.wake_events = EPOLLIN | EPOLLET,
};

CONTEST_ENTRANT(entrant_lanes, lanes);
