/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine over epoll. Each connection is registered once, edge-triggered
 * in both directions, so a request costs no epoll_ctl(2). What epoll said is
 * remembered in `readable`; a receive that is asked for while bytes may be
 * there goes to the ready list and is done in the next turn, never inside the
 * call: so nobody's callback runs inside another's, and one busy connection
 * can't keep the loop.
 *
 * Life of a request, step 8 of 11: from async.c and conn.c, to shm/ring.c.
 */
#include "worker/engine.h"

#include "shm/base/panic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 256,   /* kernel events in one turn */
	READY_BUDGET = 256, /* connections of the ready list in one turn */
	IOV_BATCH = 512,    /* pieces in one sendmsg(2); the limit is 1024 */
	LINK_NEEDS = RING_CONTROL_RESERVE, /* records one message may need */
	NO_SLOT = -1,
};

/* epoll data of the descriptors that aren't connections. */
#define DATA_WAKE UINT64_MAX
#define DATA_LINK (UINT64_MAX - 1)

struct engine_conn {
	conn_id id; /* 0: free */
	uint64_t progress_ns;
	ring_ref receive_ref; /* the caller's, or 0 */
	void *place;
	size_t size;
	struct iovec *iov;
	size_t iov_count;
	int64_t sent;
	ring_ref send_ref; /* the caller's, or 0 */
	int send_status;
	int fd;
	int32_t next;         /* in the ready list */
	int32_t starved_next; /* in the list of those that want a place */
	bool queued;
	bool starved;
	bool receiving;
	bool sending;
	bool readable; /* a recv may find something */
	bool writable; /* a send may go on */
	bool finished; /* the peer's FIN or an error was announced */
	bool broken;   /* an error was announced and not told of yet */
};

/* A queue of slots through one of the two links above. */
struct slot_queue {
	int32_t first, last;
	uint32_t count;
};

struct engine {
	struct engine_config config;
	struct engine_conn *conns;
	int epoll_fd;
	struct slot_queue ready;
	struct slot_queue starved;
	bool link_readable;
	struct epoll_event events[EVENTS_MAX];
};

static int
watch(struct engine *engine, int fd, uint32_t what, uint64_t data)
{
	struct epoll_event event = { .events = what, .data.u64 = data };

	if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		return (-errno);
	return (0);
}

int
engine_create(const struct engine_config *config, struct engine **ret_engine)
{
	struct engine *engine;
	size_t size = config->slots * sizeof(struct engine_conn);
	int error;

	if ((engine = calloc(1, sizeof(*engine))) == NULL)
		return (-ENOMEM);
	engine->config = *config;
	engine->ready.first = engine->ready.last = NO_SLOT;
	engine->starved.first = engine->starved.last = NO_SLOT;
	/* Pages come when a slot is used. */
	engine->conns = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (engine->conns == MAP_FAILED) {
		error = -errno;
		goto err_free;
	}
	if ((engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1) {
		error = -errno;
		goto err_unmap;
	}
	/* Edge-triggered and never read: a wake-up costs no read(2). */
	error = watch(engine, config->wake_fd, EPOLLIN | EPOLLET, DATA_WAKE);
	if (error == 0)
		error = watch(
		    engine, config->link_fd, EPOLLIN | EPOLLRDHUP, DATA_LINK);
	if (error != 0)
		goto err_close;
	*ret_engine = engine;
	return (0);

err_close:
	(void)close(engine->epoll_fd);
err_unmap:
	(void)munmap(engine->conns, size);
err_free:
	free(engine);
	return (error);
}

void
engine_free(struct engine *engine)
{
	if (engine == NULL)
		return;
	(void)close(engine->epoll_fd);
	(void)munmap(
	    engine->conns, engine->config.slots * sizeof(struct engine_conn));
	free(engine);
}

/* Append a slot that isn't in the queue; ${link} is its link there. */
static void
queue_push(
    struct slot_queue *queue, uint32_t slot, int32_t *link, int32_t *last_link)
{
	*link = NO_SLOT;
	if (queue->last == NO_SLOT)
		queue->first = (int32_t)slot;
	else
		*last_link = (int32_t)slot;
	queue->last = (int32_t)slot;
	queue->count++;
}

static void
ready_push(struct engine *engine, uint32_t slot)
{
	struct engine_conn *conn = &engine->conns[slot];

	if (conn->queued)
		return;
	conn->queued = true;
	queue_push(&engine->ready, slot, &conn->next,
	    &engine->conns[engine->ready.last < 0 ? 0 : engine->ready.last]
		 .next);
}

static void
starved_push(struct engine *engine, uint32_t slot)
{
	struct engine_conn *conn = &engine->conns[slot];

	if (conn->starved)
		return;
	conn->starved = true;
	queue_push(&engine->starved, slot, &conn->starved_next,
	    &engine->conns[engine->starved.last < 0 ? 0 : engine->starved.last]
		 .starved_next);
}

/* Take the first slot off a queue; ${next} is what its link says. */
static uint32_t
queue_pop(struct slot_queue *queue, int32_t next)
{
	uint32_t slot = (uint32_t)queue->first;

	queue->first = next;
	if (next == NO_SLOT)
		queue->last = NO_SLOT;
	queue->count--;
	return (slot);
}

int
engine_add(struct engine *engine, conn_id id, int fd)
{
	struct engine_conn *conn = &engine->conns[conn_id_slot(id)];
	struct engine_conn before = *conn;
	int error;

	bh_assert(conn->id == 0);
	error =
	    watch(engine, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, id);
	if (error != 0)
		return (error);
	memset(conn, 0, sizeof(*conn));
	/* The slot may still stand in a queue from its last life. */
	conn->queued = before.queued;
	conn->next = before.next;
	conn->starved = before.starved;
	conn->starved_next = before.starved_next;
	conn->id = id;
	conn->fd = fd;
	return (0);
}

void
engine_remove(struct engine *engine, uint32_t slot)
{
	struct engine_conn *conn = &engine->conns[slot];

	(void)epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	conn->id = 0;
	conn->fd = -1;
	conn->receiving = conn->sending = false;
}

void
engine_receive(struct engine *engine, uint32_t slot, void *place, size_t size,
    ring_ref ref)
{
	struct engine_conn *conn = &engine->conns[slot];

	bh_assert(conn->id != 0 && !conn->receiving);
	conn->receiving = true;
	conn->place = place;
	conn->size = size;
	conn->receive_ref = ref;
	if (conn->readable)
		ready_push(engine, slot);
}

int64_t
engine_send(
    struct engine *engine, uint32_t slot, const struct iovec *iov, size_t count)
{
	struct engine_conn *conn = &engine->conns[slot];
	struct msghdr message = { 0 };
	ssize_t sent;

	message.msg_iov = (struct iovec *)(uintptr_t)iov; /* only read */
	message.msg_iovlen = count < IOV_BATCH ? count : IOV_BATCH;
	do {
		sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	if (sent == -1)
		return (errno == EPIPE ? -ECONNRESET : -errno);
	return (sent);
}

void
engine_send_rest(struct engine *engine, uint32_t slot, struct iovec *iov,
    size_t count, int64_t sent, ring_ref ref)
{
	struct engine_conn *conn = &engine->conns[slot];

	bh_assert(conn->id != 0 && !conn->sending);
	conn->sending = true;
	conn->iov = iov;
	conn->iov_count = count;
	conn->sent = sent;
	conn->send_ref = ref;
	conn->send_status = 0;
	conn->progress_ns = *engine->config.now_ns;
	/* One try from the ready list: the edge may have come meanwhile. */
	conn->writable = true;
	ready_push(engine, slot);
}

/*
 * Publish an end: through the caller's record, or through one of our own.
 * False: no record is free now; nothing happened.
 */
static bool
publish(struct engine *engine, struct engine_conn *conn, ring_ref ref,
    uint16_t op, int64_t bytes, int status)
{
	if (ref == 0 && ring_reserve(engine->config.consumer, CREDIT_NORMAL, op,
			    conn->id, 0, &ref) != 0)
		return (false);
	ring_publish(engine->config.producer, ref, bytes, status, 0);
	return (true);
}

/* No byte yet: wait for the next edge, and hold no place meanwhile. */
static void
receive_later(struct engine *engine, uint32_t slot, bool borrowed)
{
	struct engine_conn *conn = &engine->conns[slot];

	conn->readable = false;
	if (!borrowed)
		return;
	engine->config.return_place(engine->config.argument, slot);
	conn->place = NULL;
}

/* Returns false when it must be tried again without a kernel event. */
static bool
receive(struct engine *engine, uint32_t slot)
{
	struct engine_conn *conn = &engine->conns[slot];
	bool borrowed = conn->place == NULL;
	ssize_t got;

	/* Bytes that were read can't wait for a record. */
	if (conn->receive_ref == 0 &&
	    engine->config.consumer->free_count <= RING_CONTROL_RESERVE)
		return (false);
	if (borrowed && !engine->config.take_place(engine->config.argument,
			    slot, &conn->place, &conn->size)) {
		conn->place = NULL;
		starved_push(engine, slot);
		return (true);
	}
	do {
		got = recv(conn->fd, conn->place, conn->size, MSG_DONTWAIT);
	} while (got == -1 && errno == EINTR);
	if (got == -1 && errno == EAGAIN) {
		receive_later(engine, slot, borrowed);
		return (true);
	}
	/* A short read means drained, unless the end has been announced. */
	if (got >= 0 && (size_t)got < conn->size && !conn->finished)
		conn->readable = false;
	conn->progress_ns = *engine->config.now_ns;
	conn->receiving = false;
	bh_assert(
	    publish(engine, conn, conn->receive_ref, OPERATION_CONN_RECEIVED,
		got > 0 ? got : 0, got == -1 ? -errno : 0));
	return (true);
}

/* Take ${sent} bytes off the front of what is to be sent. */
static void
advance(struct engine_conn *conn, size_t sent)
{
	while (conn->iov_count > 0 && sent >= conn->iov->iov_len) {
		sent -= conn->iov->iov_len;
		conn->iov++;
		conn->iov_count--;
	}
	if (conn->iov_count > 0) {
		conn->iov->iov_base = (uint8_t *)conn->iov->iov_base + sent;
		conn->iov->iov_len -= sent;
	}
}

static bool
send_more(struct engine *engine, uint32_t slot)
{
	struct engine_conn *conn = &engine->conns[slot];
	int64_t sent;

	while (conn->iov_count > 0 && conn->send_status == 0) {
		sent = engine_send(engine, slot, conn->iov, conn->iov_count);
		if (sent == -EAGAIN) {
			conn->writable = false;
			return (true);
		}
		if (sent < 0) {
			conn->send_status = (int)sent;
			break;
		}
		conn->sent += sent;
		advance(conn, (size_t)sent);
		conn->progress_ns = *engine->config.now_ns;
	}
	if (!publish(engine, conn, conn->send_ref, OPERATION_CONN_SENT,
		conn->sent, conn->send_status))
		return (false);
	conn->sending = false;
	return (true);
}

/*
 * Do what a connection has to do; put it back when that can't be finished.
 * That the peer has reset is told apart only when no operation is there to
 * find it out.
 */
static void
work(struct engine *engine, uint32_t slot)
{
	struct engine_conn *conn = &engine->conns[slot];
	bool done = true;

	if (conn->id == 0)
		return;
	if (conn->sending && conn->writable)
		done = send_more(engine, slot);
	if (conn->receiving && conn->readable)
		done = receive(engine, slot) && done;
	if (conn->broken && !conn->sending && !conn->receiving) {
		conn->broken = !publish(
		    engine, conn, 0, OPERATION_CONN_BROKEN, 0, -ECONNRESET);
		done = !conn->broken && done;
	}
	if (!done)
		ready_push(engine, slot);
}

void
engine_fail(struct engine *engine, uint32_t slot, int status)
{
	struct engine_conn *conn = &engine->conns[slot];

	if (conn->receiving && conn->receive_ref != 0) {
		conn->receiving = false;
		(void)publish(engine, conn, conn->receive_ref, 0, 0, status);
	}
	if (conn->sending) {
		conn->send_status = status;
		conn->writable = true;
		ready_push(engine, slot);
	}
}

bool
engine_abandon(struct engine *engine, uint32_t slot)
{
	bool outstanding = engine->conns[slot].receiving;

	engine->conns[slot].receiving = false;
	return (outstanding);
}

uint64_t
engine_progress(const struct engine *engine, uint32_t slot)
{
	return (engine->conns[slot].progress_ns);
}

void
engine_place_free(struct engine *engine)
{
	struct engine_conn *conn;
	uint32_t slot;

	while (engine->starved.count > 0) {
		conn = &engine->conns[engine->starved.first];
		slot = queue_pop(&engine->starved, conn->starved_next);
		conn->starved = false;
		if (conn->id != 0 && conn->receiving && conn->place == NULL) {
			conn->readable = true;
			ready_push(engine, slot);
			return; /* one place, one connection */
		}
	}
}

void
engine_link_gone(struct engine *engine)
{
	(void)epoll_ctl(
	    engine->epoll_fd, EPOLL_CTL_DEL, engine->config.link_fd, NULL);
	engine->config.link_fd = -1;
}

bool
engine_ready(const struct engine *engine)
{
	const uint32_t records = engine->config.consumer->free_count;

	/* Without a record there is nothing to do: its release wakes us. */
	return ((engine->ready.count > 0 && records > RING_CONTROL_RESERVE) ||
		(engine->link_readable && records >= LINK_NEEDS));
}

static void
on_event(struct engine *engine, const struct epoll_event *event)
{
	uint32_t slot = conn_id_slot(event->data.u64);
	struct engine_conn *conn = &engine->conns[slot];

	if (conn->id != event->data.u64)
		return; /* removed earlier in this turn */
	if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		conn->readable = true;
	if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		conn->finished = true;
	if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		conn->writable = true;
	if (event->events & EPOLLERR)
		conn->broken = true;
	work(engine, slot);
}

static void
poll_link(struct engine *engine)
{
	/* Left in the socket while its completions would find no record. */
	engine->link_readable =
	    engine->config.consumer->free_count < LINK_NEEDS;
	if (!engine->link_readable)
		engine->config.link_readable(engine->config.argument);
}

/* The ready list as it stands now: what it appends is for the next turn. */
static void
poll_ready(struct engine *engine)
{
	uint32_t budget = engine->ready.count;
	struct engine_conn *conn;
	uint32_t slot;

	if (budget > READY_BUDGET)
		budget = READY_BUDGET;
	for (; budget > 0; budget--) {
		conn = &engine->conns[engine->ready.first];
		slot = queue_pop(&engine->ready, conn->next);
		conn->queued = false;
		work(engine, slot);
	}
}

void
engine_poll(struct engine *engine, int timeout_ms)
{
	int count, i;

	count = epoll_wait(
	    engine->epoll_fd, engine->events, EVENTS_MAX, timeout_ms);
	for (i = 0; i < count; i++) {
		if (engine->events[i].data.u64 == DATA_LINK)
			engine->link_readable = true;
		else if (engine->events[i].data.u64 != DATA_WAKE)
			on_event(engine, &engine->events[i]);
	}
	if (engine->link_readable)
		poll_link(engine);
	if (engine->ready.count > 0)
		poll_ready(engine);
}
