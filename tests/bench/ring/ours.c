/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contestant: Bulkhead's ring, in a segment made, sealed and mapped as a
 * worker's is. Four ways to publish: the dispatch thread to itself (the
 * lane), the same with a record reserved and released each time, another
 * thread, and another thread that claims first.
 *
 * A producer has its share of the records, each reserved once and armed
 * again by the consumer, so that what is measured is the completion's way and
 * not how the operation came to the producer. That a record is in flight
 * again is seen by its control word, as in a Vyukov ring by the cell's.
 */
#include "harness.h"

#include "shm/base/fd.h"
#include "shm/recorder.h"
#include "shm/ring_word.h"

#include <fcntl.h>
#include <sys/eventfd.h>

struct our_producer {
	_Alignas(BENCH_HOT) struct ring_producer producer;
	ring_ref *refs;
	uint32_t count;
	uint32_t next;
};

struct our_queue {
	struct segment_fds fds;
	struct segment segment;
	struct ring ring;
	struct ring_consumer consumer;
	struct our_producer producers[BENCH_PRODUCERS_MAX];
	int wake_fd;
};

static void
map_segment(struct our_queue *q)
{
	static const char *const no_modules[] = { NULL };
	struct segment_geometry geometry = segment_default_geometry(64, 0);
	struct segment_fds passed;

	geometry.records = CONTEST_CAPACITY;
	if (segment_create(&geometry, 0, 1, no_modules, &q->fds) != 0 ||
	    segment_allocate(&q->fds) != 0)
		errx(1, "can't make a segment");
	/* What the socket between master and worker would do. */
	passed.rw = fcntl(q->fds.rw, F_DUPFD_CLOEXEC, 0);
	passed.ro = fcntl(q->fds.ro, F_DUPFD_CLOEXEC, 0);
	passed.buffers = fcntl(q->fds.buffers, F_DUPFD_CLOEXEC, 0);
	if (segment_map_worker(&passed, &q->segment) != 0 ||
	    segment_seal(&q->fds) != 0)
		errx(1, "can't map a segment");
}

static struct our_queue *
make_queue(void)
{
	struct our_queue *q = aligned_alloc(BENCH_HOT, sizeof(*q));

	if (q == NULL)
		err(1, "aligned_alloc");
	*q = (struct our_queue){ .wake_fd = -1 };
	map_segment(q);
	q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ring_init(&q->ring, &q->segment, q->wake_fd);
	if (q->wake_fd == -1 || ring_consumer_init(&q->consumer, &q->ring) != 0)
		errx(1, "can't make a ring");
	return (q);
}

/* Give producer ${p} its share of the records, in flight. */
static void
arm(struct our_queue *q, struct our_producer *p, uint32_t count, uint16_t id)
{
	ring_producer_init(&p->producer, &q->ring, id);
	p->refs = calloc(count, sizeof(p->refs[0]));
	if (p->refs == NULL)
		err(1, "calloc");
	for (p->count = 0; p->count < count; p->count++)
		if (ring_reserve(&q->consumer, CREDIT_CONTROL, OPERATION_FLUSH,
			1, p->count, &p->refs[p->count]) != 0)
			errx(1, "no credit");
}

static void *
threads_create(unsigned producers)
{
	struct our_queue *q = make_queue();
	unsigned i;

	for (i = 0; i < producers; i++)
		arm(q, &q->producers[i], CONTEST_CAPACITY / producers,
		    PRODUCER_NONE);
	return (q);
}

/* The same record each time: what a loop that answers at once does. */
static void *
self_create(unsigned producers)
{
	struct our_queue *q = make_queue();

	(void)producers; /* there is but one dispatch thread */
	arm(q, &q->producers[0], 1, PRODUCER_DISPATCH);
	return (q);
}

/* For the publications alone: a group of them is in flight. */
static void *
self_group_create(unsigned producers)
{
	struct our_queue *q = make_queue();

	(void)producers;
	arm(q, &q->producers[0], 256, PRODUCER_DISPATCH);
	return (q);
}

static void *
reserving_create(unsigned producers)
{
	struct our_queue *q = make_queue();

	(void)producers;
	arm(q, &q->producers[0], 0, PRODUCER_DISPATCH);
	return (q);
}

static void
our_destroy(void *queue)
{
	struct our_queue *q = queue;
	unsigned i;

	for (i = 0; i < BENCH_PRODUCERS_MAX; i++) {
		if (q->producers[i].producer.ring == NULL)
			continue;
		ring_producer_fini(&q->producers[i].producer);
		free(q->producers[i].refs);
	}
	if (q->consumer.corrupt != 0)
		errx(1, "the ring calls itself corrupt");
	ring_consumer_free(&q->consumer);
	segment_unmap(&q->segment);
	fd_close(&q->fds.ro);
	fd_close(&q->fds.buffers);
	fd_close(&q->wake_fd);
	free(q);
}

/*
 * The producer's next record, if it is in flight again. Its reference after
 * the consumer's ring_rearm() is known: the next generation.
 */
HARNESS_INLINE ring_ref
next_ref(struct our_queue *q, struct our_producer *p)
{
	const ring_ref ref = p->refs[p->next];

	if (atomic_load_explicit(&q->segment.records[ref_index(ref)].ctl,
		memory_order_acquire) != ref_inflight(ref))
		return (0);
	p->refs[p->next] = ref + REF_INDEX_MASK + 1;
	if (++p->next == p->count)
		p->next = 0;
	return (ref);
}

static inline bool
our_push(void *queue, unsigned producer, const struct completion *item)
{
	struct our_queue *q = queue;
	struct our_producer *p = &q->producers[producer];
	const ring_ref ref = next_ref(q, p);

	if (ref == 0)
		return (false);
	ring_publish(&p->producer, ref, item->bytes, item->status, item->aux);
	return (true);
}

/* As many as are in flight again, up to ${count}. */
static inline unsigned
our_push_many(void *queue, unsigned producer, const struct completion *items,
    unsigned count)
{
	struct ring_result results[CONTEST_BATCH];
	struct our_queue *q = queue;
	struct our_producer *p = &q->producers[producer];
	unsigned i;

	for (i = 0; i < count; i++) {
		results[i].ref = next_ref(q, p);
		if (results[i].ref == 0)
			break;
		results[i].bytes = items[i].bytes;
		results[i].status = items[i].status;
		results[i].aux = items[i].aux;
	}
	ring_publish_batch(&p->producer, results, i);
	return (i);
}

/* On one thread the last ring_rearm() has told the reference. */
static inline bool
self_push(void *queue, unsigned producer, const struct completion *item)
{
	struct our_queue *q = queue;

	(void)producer;
	ring_publish(&q->producers[0].producer, q->producers[0].refs[0],
	    item->bytes, item->status, item->aux);
	return (true);
}

static inline bool
our_push_claiming(void *queue, unsigned producer, const struct completion *item)
{
	struct our_queue *q = queue;
	struct our_producer *p = &q->producers[producer];
	const ring_ref ref = next_ref(q, p);

	return (ref != 0 && ring_try_publish(&p->producer, ref, item->bytes,
				item->status, item->aux) == 0);
}

static inline bool
reserving_push(void *queue, unsigned producer, const struct completion *item)
{
	struct our_queue *q = queue;
	ring_ref ref;

	(void)producer;
	if (ring_reserve(&q->consumer, CREDIT_NORMAL, item->op, 1,
		(uint64_t)item->bytes, &ref) != 0)
		return (false);
	ring_publish(&q->producers[0].producer, ref, item->bytes, item->status,
	    item->aux);
	return (true);
}

static inline bool
our_pop(void *queue, struct completion *ret_item)
{
	struct our_queue *q = queue;

	return (ring_consume(&q->consumer, ret_item));
}

/* As the dispatch loop does: the flight recorder keeps it. */
static inline bool
recording_pop(void *queue, struct completion *ret_item)
{
	struct our_queue *q = queue;

	if (!ring_consume(&q->consumer, ret_item))
		return (false);
	recorder_write(&q->segment, ret_item);
	return (true);
}

static inline void
our_done(void *queue, const struct completion *item)
{
	struct our_queue *q = queue;

	(void)ring_rearm(&q->consumer, item->ref);
}

static inline void
self_done(void *queue, const struct completion *item)
{
	struct our_queue *q = queue;

	q->producers[0].refs[0] = ring_rearm(&q->consumer, item->ref);
}

static inline void
reserving_done(void *queue, const struct completion *item)
{
	struct our_queue *q = queue;

	ring_release(&q->consumer, item->ref);
}

static bool
our_may_sleep(void *queue)
{
	struct our_queue *q = queue;

	return (ring_may_sleep(&q->consumer));
}

static void
our_awake(void *queue)
{
	struct our_queue *q = queue;

	ring_awake(&q->consumer);
}

static int
our_wake_fd(void *queue)
{
	const struct our_queue *q = queue;

	return (q->wake_fd);
}

static const struct contestant ours = {
	.name = "bulkhead",
	.create = threads_create,
	.destroy = our_destroy,
	.push = our_push,
	.pop = our_pop,
	.done = our_done,
	.may_sleep = our_may_sleep,
	.awake = our_awake,
	.wake_fd = our_wake_fd,
	.wake_events = EPOLLIN | EPOLLET,
};

static const struct contestant ours_batch = {
	.name = "bulkhead, in batches",
	.create = threads_create,
	.destroy = our_destroy,
	.push = our_push,
	.push_many = our_push_many,
	.pop = our_pop,
	.done = our_done,
	.may_sleep = our_may_sleep,
	.awake = our_awake,
	.wake_fd = our_wake_fd,
	.wake_events = EPOLLIN | EPOLLET,
};

static const struct contestant ours_claim = {
	.name = "bulkhead, claiming",
	.create = threads_create,
	.destroy = our_destroy,
	.push = our_push_claiming,
	.pop = our_pop,
	.done = our_done,
	.may_sleep = our_may_sleep,
	.awake = our_awake,
	.wake_fd = our_wake_fd,
	.wake_events = EPOLLIN | EPOLLET,
};

static const struct contestant lane = {
	.name = "bulkhead, lane",
	.create = self_create,
	.destroy = our_destroy,
	.push = self_push,
	.pop = our_pop,
	.done = self_done,
};

static const struct contestant lane_recording = {
	.name = "bulkhead, lane, recorded",
	.create = self_create,
	.destroy = our_destroy,
	.push = self_push,
	.pop = recording_pop,
	.done = self_done,
};

static const struct contestant lane_group = {
	.name = "bulkhead, lane",
	.create = self_group_create,
	.destroy = our_destroy,
	.push = our_push,
	.pop = our_pop,
	.done = our_done,
};

static const struct contestant lane_reserving = {
	.name = "bulkhead, lane, reserve + release",
	.create = reserving_create,
	.destroy = our_destroy,
	.push = reserving_push,
	.pop = our_pop,
	.done = reserving_done,
};

CONTEST_ENTRANT(entrant_ours, ours);
CONTEST_ENTRANT(entrant_ours_batch, ours_batch);
CONTEST_ENTRANT(entrant_ours_claim, ours_claim);
CONTEST_ENTRANT(entrant_lane, lane);
CONTEST_ENTRANT(entrant_lane_group, lane_group);
CONTEST_ENTRANT(entrant_lane_recording, lane_recording);
CONTEST_ENTRANT(entrant_lane_reserving, lane_reserving);
