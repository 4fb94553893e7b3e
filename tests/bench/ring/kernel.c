/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contestants that go through the kernel: a pipe, a queue under a mutex with
 * an eventfd, and a POSIX message queue. Each takes many at a time where it
 * can, and writes its eventfd only when the queue was empty.
 */
#include "harness.h"

#include <fcntl.h>
#include <mqueue.h>
#include <string.h>
#include <sys/eventfd.h>

enum {
	TAKEN_MAX = 64, /* at once */
	MQ_LENGTH = 10, /* what any user may have */
};

/* What the consumer has taken and not yet been asked for. */
struct taken {
	struct completion items[TAKEN_MAX];
	unsigned count;
	unsigned next;
};

static inline bool
take(struct taken *taken, struct completion *ret_item)
{
	if (taken->next == taken->count)
		return (false);
	*ret_item = taken->items[taken->next++];
	return (true);
}

struct pipe_queue {
	int fds[2];
	_Alignas(BENCH_HOT) struct taken taken;
};

static void *
pipe_create(unsigned producers)
{
	struct pipe_queue *q = aligned_alloc(BENCH_HOT, sizeof(*q));

	(void)producers;
	if (q == NULL || pipe2(q->fds, O_NONBLOCK | O_CLOEXEC) == -1)
		err(1, "pipe2");
	/* As many as in a ring, if this user may. */
	(void)fcntl(q->fds[1], F_SETPIPE_SZ, CONTEST_CAPACITY * 64);
	q->taken.count = q->taken.next = 0;
	return (q);
}

static void
pipe_destroy(void *queue)
{
	struct pipe_queue *q = queue;

	(void)close(q->fds[0]);
	(void)close(q->fds[1]);
	free(q);
}

static unsigned
pipe_push_many(void *queue, unsigned producer, const struct completion *items,
    unsigned count)
{
	const struct pipe_queue *q = queue;

	(void)producer;
	/* Not more than PIPE_BUF: all or nothing. */
	return (
	    write(q->fds[1], items, count * sizeof(items[0])) > 0 ? count : 0);
}

static bool
pipe_push(void *queue, unsigned producer, const struct completion *item)
{
	return (pipe_push_many(queue, producer, item, 1) == 1);
}

static bool
pipe_pop(void *queue, struct completion *ret_item)
{
	struct pipe_queue *q = queue;
	ssize_t got;

	if (take(&q->taken, ret_item))
		return (true);
	got = read(q->fds[0], q->taken.items, sizeof(q->taken.items));
	if (got <= 0)
		return (false);
	q->taken.count = (unsigned)((size_t)got / sizeof(q->taken.items[0]));
	q->taken.next = 0;
	return (take(&q->taken, ret_item));
}

static int
pipe_wake_fd(void *queue)
{
	const struct pipe_queue *q = queue;

	return (q->fds[0]);
}

struct mutex_queue {
	int wake_fd;
	_Alignas(BENCH_HOT) pthread_mutex_t mutex;
	uint64_t head;
	uint64_t tail;
	struct completion items[CONTEST_CAPACITY];
	_Alignas(BENCH_HOT) struct taken taken;
};

static void *
mutex_create(unsigned producers)
{
	struct mutex_queue *q = aligned_alloc(BENCH_HOT, sizeof(*q));

	(void)producers;
	if (q == NULL || pthread_mutex_init(&q->mutex, NULL) != 0)
		err(1, "can't make a queue");
	q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->wake_fd == -1)
		err(1, "eventfd");
	q->head = q->tail = 0;
	q->taken.count = q->taken.next = 0;
	return (q);
}

static void
mutex_destroy(void *queue)
{
	struct mutex_queue *q = queue;

	(void)close(q->wake_fd);
	(void)pthread_mutex_destroy(&q->mutex);
	free(q);
}

static unsigned
mutex_push_many(void *queue, unsigned producer, const struct completion *items,
    unsigned count)
{
	struct mutex_queue *q = queue;
	const uint64_t one = 1;
	bool was_empty;
	unsigned i;

	(void)producer;
	(void)pthread_mutex_lock(&q->mutex);
	was_empty = q->head == q->tail;
	for (i = 0; i < count && q->tail - q->head < CONTEST_CAPACITY; i++)
		q->items[q->tail++ % CONTEST_CAPACITY] = items[i];
	(void)pthread_mutex_unlock(&q->mutex);
	if (was_empty)
		/* It can't fail: the counter is far from full. */
		(void)!write(q->wake_fd, &one, sizeof(one));
	return (i);
}

static bool
mutex_push(void *queue, unsigned producer, const struct completion *item)
{
	return (mutex_push_many(queue, producer, item, 1) == 1);
}

static bool
mutex_pop(void *queue, struct completion *ret_item)
{
	struct mutex_queue *q = queue;
	struct taken *taken = &q->taken;

	if (take(taken, ret_item))
		return (true);
	taken->count = taken->next = 0;
	(void)pthread_mutex_lock(&q->mutex);
	while (q->head != q->tail && taken->count < TAKEN_MAX)
		taken->items[taken->count++] =
		    q->items[q->head++ % CONTEST_CAPACITY];
	(void)pthread_mutex_unlock(&q->mutex);
	return (take(taken, ret_item));
}

static int
mutex_wake_fd(void *queue)
{
	const struct mutex_queue *q = queue;

	return (q->wake_fd);
}

struct mq_queue {
	mqd_t mq;
};

static void *
mq_create(unsigned producers)
{
	struct mq_attr attributes = { .mq_maxmsg = MQ_LENGTH,
		.mq_msgsize = sizeof(struct completion) };
	struct mq_queue *q = malloc(sizeof(*q));
	char name[64];

	(void)producers;
	if (q == NULL)
		err(1, "malloc");
	(void)snprintf(name, sizeof(name), "/bench.ring.%d", (int)getpid());
	q->mq = mq_open(
	    name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attributes);
	if (q->mq == (mqd_t)-1) {
		free(q);
		return (NULL);
	}
	(void)mq_unlink(name);
	return (q);
}

static void
mq_destroy(void *queue)
{
	struct mq_queue *q = queue;

	(void)mq_close(q->mq);
	free(q);
}

static bool
mq_push(void *queue, unsigned producer, const struct completion *item)
{
	const struct mq_queue *q = queue;

	(void)producer;
	return (mq_send(q->mq, (const char *)item, sizeof(*item), 0) == 0);
}

static bool
mq_pop(void *queue, struct completion *ret_item)
{
	const struct mq_queue *q = queue;

	return (mq_receive(q->mq, (char *)ret_item, sizeof(*ret_item), NULL) ==
		sizeof(*ret_item));
}

/* On Linux a message queue is a descriptor. */
static int
mq_wake_fd(void *queue)
{
	const struct mq_queue *q = queue;

	return (q->mq);
}

static const struct contestant pipe_contestant = {
	.name = "pipe",
	.create = pipe_create,
	.destroy = pipe_destroy,
	.push = pipe_push,
	.push_many = pipe_push_many,
	.pop = pipe_pop,
	.wake_fd = pipe_wake_fd,
	.wake_events = EPOLLIN,
	.slow = true,
};

static const struct contestant mutex_contestant = {
	.name = "mutex queue + eventfd",
	.create = mutex_create,
	.destroy = mutex_destroy,
	.push = mutex_push,
	.push_many = mutex_push_many,
	.pop = mutex_pop,
	.wake_fd = mutex_wake_fd,
	.wake_events = EPOLLIN | EPOLLET,
	.slow = true,
};

static const struct contestant mq_contestant = {
	.name = "POSIX message queue",
	.create = mq_create,
	.destroy = mq_destroy,
	.push = mq_push,
	.pop = mq_pop,
	.wake_fd = mq_wake_fd,
	.wake_events = EPOLLIN,
	.slow = true,
};

CONTEST_ENTRANT(entrant_pipe, pipe_contestant);
CONTEST_ENTRANT(entrant_mutex, mutex_contestant);
CONTEST_ENTRANT(entrant_mq, mq_contestant);
