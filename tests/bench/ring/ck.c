/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contestant: Concurrency Kit's ck_ring, many producers and one consumer,
 * completions by value; alone, and with an eventfd written each time.
 */
#include "harness.h"

#include <ck_ring.h>
#include <sys/eventfd.h>

CK_RING_PROTOTYPE(item, completion)

struct ck_queue {
	_Alignas(BENCH_HOT) ck_ring_t ring;
	struct completion *items;
	int wake_fd;
};

static void *
ck_create(unsigned producers)
{
	struct ck_queue *q = aligned_alloc(BENCH_HOT, sizeof(*q));

	(void)producers;
	if (q == NULL)
		err(1, "aligned_alloc");
	q->items =
	    aligned_alloc(SEGMENT_PAGE, CONTEST_CAPACITY * sizeof(q->items[0]));
	q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->items == NULL || q->wake_fd == -1)
		err(1, "can't make a ck_ring");
	ck_ring_init(&q->ring, CONTEST_CAPACITY);
	return (q);
}

static void
ck_destroy(void *queue)
{
	struct ck_queue *q = queue;

	(void)close(q->wake_fd);
	free(q->items);
	free(q);
}

HARNESS_INLINE bool
ck_push(void *queue, unsigned producer, const struct completion *item)
{
	struct ck_queue *q = queue;
	struct completion copy = *item; /* it takes no const */

	(void)producer;
	return (CK_RING_ENQUEUE_MPSC(item, &q->ring, q->items, &copy));
}

HARNESS_INLINE bool
ck_pop(void *queue, struct completion *ret_item)
{
	struct ck_queue *q = queue;

	return (CK_RING_DEQUEUE_MPSC(item, &q->ring, q->items, ret_item));
}

static inline bool
ck_eventfd_push(void *queue, unsigned producer, const struct completion *item)
{
	const struct ck_queue *q = queue;
	const uint64_t one = 1;

	if (!ck_push(queue, producer, item))
		return (false);
	/* It can't fail: the counter is far from full. */
	(void)!write(q->wake_fd, &one, sizeof(one));
	return (true);
}

static int
ck_wake_fd(void *queue)
{
	const struct ck_queue *q = queue;

	return (q->wake_fd);
}

static const struct contestant ck = {
	.name = "ck_ring",
	.create = ck_create,
	.destroy = ck_destroy,
	.push = ck_push,
	.pop = ck_pop,
};

static const struct contestant ck_eventfd = {
	.name = "ck_ring + eventfd",
	.create = ck_create,
	.destroy = ck_destroy,
	.push = ck_eventfd_push,
	.pop = ck_pop,
	.wake_fd = ck_wake_fd,
	.wake_events = EPOLLIN | EPOLLET,
	.slow = true,
};

CONTEST_ENTRANT(entrant_ck, ck);
CONTEST_ENTRANT(entrant_ck_eventfd, ck_eventfd);
