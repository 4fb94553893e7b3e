/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker's end of the socket to the master.
 *
 * Life of a request, between steps 3 and 4 of 11: from master/handoff.c, as
 * a completion to conn.c.
 */
#include "worker/link.h"

#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/slot.h"
#include "worker/access_log.h"
#include "worker/adopt.h"
#include "worker/conn.h"
#include "worker/engine.h"
#include "worker/witness.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	REPORT_KINDS = 4
};

/* Reports of one type, in one message's shape. */
struct report {
	struct message_header header;
	struct message_slot slots[MESSAGE_SLOTS];
};

/* A queue of reports: the connection table bounds what can be in it. */
struct report_queue {
	enum message_type type;
	struct message_slot *slots;
	size_t count, capacity;
};

struct link {
	int fd;
	struct report_queue queues[REPORT_KINDS];
	uint8_t buffer[MESSAGE_MAX];
};

int
link_create(int fd, struct link **ret_link)
{
	struct link *link;

	if ((link = calloc(1, sizeof(*link))) == NULL)
		return (-ENOMEM);
	link->fd = fd;
	link->queues[0].type = MESSAGE_TAKEN;
	link->queues[1].type = MESSAGE_REFUSED;
	link->queues[2].type = MESSAGE_RELEASED;
	link->queues[3].type = MESSAGE_CLOSED;
	*ret_link = link;
	return (0);
}

void
link_free(struct link *link)
{
	size_t i;

	if (link == NULL)
		return;
	for (i = 0; i < REPORT_KINDS; i++)
		free(link->queues[i].slots);
	free(link);
}

int
link_fd(const struct link *link)
{
	return (link->fd);
}

/* Wait for one message; used before the loop runs. */
static ssize_t
wait_message(struct link *link, int *fds, size_t max, size_t *ret_count)
{
	struct pollfd poll_fd = { .fd = link->fd, .events = POLLIN };
	ssize_t size;
	int truncated;

	for (;;) {
		size = fd_receive(link->fd, link->buffer, sizeof(link->buffer),
		    fds, max, ret_count, &truncated);
		if (size == 0)
			return (-EPIPE);
		if (size != -EAGAIN)
			return (size);
		if (poll(&poll_fd, 1, -1) == -1 && errno != EINTR)
			return (-errno);
	}
}

int
link_boot(struct link *link, struct message_boot *ret_boot, char **ret_strings,
    struct segment_fds *ret_fds)
{
	const uint8_t *body = link->buffer + sizeof(struct message_header);
	size_t count = 0, i;
	ssize_t size;
	int fds[3] = { -1, -1, -1 };

	if ((size = wait_message(link, fds, 3, &count)) < 0)
		return ((int)size);
	if (message_check(link->buffer, (size_t)size, 0) != MESSAGE_BOOT ||
	    count != 3 ||
	    (size_t)size < sizeof(struct message_header) + sizeof(*ret_boot))
		goto err_message;
	memcpy(ret_boot, body, sizeof(*ret_boot));
	if (ret_boot->strings !=
	    (size_t)size - sizeof(struct message_header) - sizeof(*ret_boot))
		goto err_message;
	/* One byte more: never an allocation of nothing. */
	if ((*ret_strings = calloc(1, ret_boot->strings + (size_t)1)) == NULL)
		goto err_message;
	memcpy(*ret_strings, body + sizeof(*ret_boot), ret_boot->strings);
	ret_fds->ro = fds[0];
	ret_fds->rw = fds[1];
	ret_fds->buffers = fds[2];
	return (0);

err_message:
	for (i = 0; i < count; i++)
		fd_close(&fds[i]);
	return (-EBADMSG);
}

int
link_wait_start(struct link *link)
{
	size_t count;
	ssize_t size;

	if ((size = wait_message(link, NULL, 0, &count)) < 0)
		return ((int)size);
	if (message_check(link->buffer, (size_t)size, 0) != MESSAGE_START)
		return (-EBADMSG);
	return (0);
}

int
link_say(struct link *link, enum message_type type, const char *text)
{
	struct message_header *header = (void *)link->buffer;
	struct pollfd poll_fd = { .fd = link->fd, .events = POLLOUT };
	size_t length = text == NULL ? 0 : strlen(text);
	int error;

	if (length > sizeof(link->buffer) - sizeof(*header))
		length = sizeof(link->buffer) - sizeof(*header);
	message_init(header, type, 0, (uint32_t)length);
	if (length > 0)
		memcpy(link->buffer + sizeof(*header), text, length);
	while ((error = fd_send(link->fd, link->buffer,
		    sizeof(*header) + length, NULL, 0)) == -EAGAIN)
		if (poll(&poll_fd, 1, -1) == -1 && errno != EINTR)
			return (-errno);
	return (error);
}

static void
publish(struct worker *worker, enum operation op, uint64_t conn, uint64_t aux)
{
	ring_ref ref;

	/* The engine has seen to it that records are free. */
	if (ring_reserve(&worker->consumer, CREDIT_CONTROL, (uint16_t)op, conn,
		0, &ref) != 0)
		return;
	ring_publish(&worker->producer, ref, 0, 0, aux);
}

/*
 * A connection that another worker has released was read from and written to
 * before; our counts go on from the kernel's, or a successor of ours would
 * compute wrong lengths. Not TCP: nothing is computed from them.
 */
static void
resume_counts(struct conn *conn, int fd)
{
	struct witness witness;

	if (witness_ask(fd, &witness) != 0)
		return;
	conn->received = witness.consumed;
	conn->sent = witness.written;
}

/*
 * One connection of a message, with its descriptor. False: it can't be taken
 * now, and stays with the master.
 */
static bool
arrival(struct worker *worker, const struct adopt_wreck *wreck,
    const struct message_connection *item, int fd)
{
	struct conn *conn = &worker->conns[item->slot];

	if (item->why == HANDOVER_RECOVERED) {
		if (!adopt(worker, wreck, item, fd, conn))
			return (false);
	} else {
		memset(conn, 0, sizeof(*conn));
		if (item->why == HANDOVER_MIGRATED)
			resume_counts(conn, fd);
		slot_open(&worker->segment.slots[item->slot], item->generation,
		    &item->peer, item->accepted_ns);
	}
	publish(worker, OPERATION_CONN_ARRIVED,
	    conn_id_make(item->slot, item->generation), (uint64_t)fd);
	return (true);
}

/*
 * The connections of one message. The kernel installs a prefix of the
 * descriptors when our limit is reached: the rest is refused.
 */
static void
arrivals(struct worker *worker, const struct adopt_wreck *wreck,
    const struct message_connection *list, size_t count, const int *fds,
    size_t fd_count)
{
	const struct message_connection *item;
	size_t i;

	for (i = 0; i < count; i++) {
		item = &list[i];
		if (item->slot < worker->segment.geometry.slots &&
		    i < fd_count && arrival(worker, wreck, item, fds[i]))
			continue;
		link_report(worker->link, MESSAGE_REFUSED, item->slot,
		    item->generation, 0);
		if (i < fd_count)
			(void)close(fds[i]);
	}
	for (; i < fd_count; i++)
		(void)close(fds[i]); /* more than there are connections */
}

/* RECOVER: the same from a wreck, whose descriptors come first. */
static void
recovered_arrivals(struct worker *worker, const struct message_connection *list,
    size_t count, int *fds, size_t fd_count)
{
	struct adopt_wreck wreck;
	int error;

	if (fd_count < MESSAGE_WRECK_FDS) {
		if (fd_count > 0)
			fd_close(&fds[0]);
		arrivals(worker, NULL, list, count, fds, 0);
		return;
	}
	error = adopt_open(fds[0], fds[1], &wreck);
	if (error != 0)
		log_err("a wreck can't be read: %s", strerror(-error));
	arrivals(worker, error == 0 ? &wreck : NULL, list, count,
	    fds + MESSAGE_WRECK_FDS, fd_count - MESSAGE_WRECK_FDS);
	if (error == 0)
		adopt_close(&wreck);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

/* A message that isn't a hand-over: it concerns the worker as a whole. */
static void
order(struct worker *worker, const struct message_header *header, int type)
{
	struct message_quarantine quarantine;
	struct message_log_level log;

	if (type == MESSAGE_DRAIN || type == MESSAGE_RETIRE) {
		publish(worker, OPERATION_MASTER_MESSAGE, (uint64_t)type, 0);
	} else if (type == MESSAGE_QUARANTINE &&
		   header->size == sizeof(quarantine)) {
		memcpy(&quarantine, header + 1, sizeof(quarantine));
		publish(worker, OPERATION_MASTER_MESSAGE, (uint64_t)type,
		    (uint64_t)quarantine.retry_after_s << 32 |
			quarantine.modules);
	} else if (type == MESSAGE_LOG_LEVEL && header->size == sizeof(log)) {
		/* What may be said concerns no request: at once. */
		memcpy(&log, header + 1, sizeof(log));
		log_set_level(log.level);
	} else if (type != MESSAGE_PING) { /* that one has woken us */
		log_warn(
		    "a message of type %d from the master is not known", type);
	}
}

static void
hear(struct worker *worker, size_t size, int *fds, size_t fd_count)
{
	const struct message_header *header = (void *)worker->link->buffer;
	const struct message_connection *list = (const void *)(header + 1);
	const bool has_list =
	    header->type == MESSAGE_HANDOVER || header->type == MESSAGE_RECOVER;
	int type;

	type = message_check(header, size, has_list ? sizeof(*list) : 0);
	if (type == MESSAGE_HANDOVER && header->count <= MESSAGE_CONNECTIONS) {
		arrivals(worker, NULL, list, header->count, fds, fd_count);
	} else if (type == MESSAGE_RECOVER &&
		   header->count <= MESSAGE_CONNECTIONS) {
		recovered_arrivals(worker, list, header->count, fds, fd_count);
	} else if (type == MESSAGE_LOG && fd_count == 1 &&
		   header->size == sizeof(struct message_log)) {
		access_log_use(worker, fds[0], (const void *)(header + 1));
	} else {
		order(worker, header, type);
		while (fd_count > 0)
			fd_close(&fds[--fd_count]);
	}
}

void
link_readable(struct worker *worker)
{
	struct link *link = worker->link;
	int fds[MESSAGE_WRECK_FDS + MESSAGE_CONNECTIONS];
	size_t fd_count = 0;
	ssize_t size;
	int truncated;

	size = fd_receive(link->fd, link->buffer, sizeof(link->buffer), fds,
	    MESSAGE_WRECK_FDS + MESSAGE_CONNECTIONS, &fd_count, &truncated);
	if (size == -EAGAIN || size == -EINTR)
		return;
	if (size > 0) {
		hear(worker, (size_t)size, fds, fd_count);
		return;
	}
	/* Nobody will hand us anything any more, nor replace us. */
	engine_link_gone(worker->engine);
	worker->master_gone = true;
	publish(worker, OPERATION_MASTER_MESSAGE, MESSAGE_DRAIN, 0);
}

void
link_report(struct link *link, enum message_type type, uint32_t slot,
    uint32_t generation, uint32_t how)
{
	struct report_queue *queue = link->queues;
	struct message_slot *slots;
	size_t capacity;

	while (queue->type != type)
		queue++;
	if (queue->count == queue->capacity) {
		capacity = queue->capacity == 0 ? 64 : 2 * queue->capacity;
		slots = reallocarray(queue->slots, capacity, sizeof(*slots));
		if (slots == NULL) {
			/* The master's copy would leak: let it recycle us. */
			log_err("out of memory for a report to the master");
			abort();
		}
		queue->slots = slots;
		queue->capacity = capacity;
	}
	queue->slots[queue->count++] = (struct message_slot){
		.slot = slot, .generation = generation, .how = how
	};
}

static bool
flush_queue(struct link *link, struct report_queue *queue)
{
	struct report report;
	size_t done = 0, count;

	while (done < queue->count) {
		count = queue->count - done;
		if (count > MESSAGE_SLOTS)
			count = MESSAGE_SLOTS;
		message_init(&report.header, queue->type, (uint32_t)count,
		    (uint32_t)(count * sizeof(report.slots[0])));
		memcpy(report.slots, queue->slots + done,
		    count * sizeof(report.slots[0]));
		if (fd_send(link->fd, &report,
			sizeof(report.header) + report.header.size, NULL,
			0) == -EAGAIN)
			break;
		done += count; /* sent, or the master is gone */
	}
	queue->count -= done;
	memmove(queue->slots, queue->slots + done,
	    queue->count * sizeof(queue->slots[0]));
	return (queue->count == 0);
}

bool
link_flush(struct link *link)
{
	bool empty = true;
	size_t i;

	for (i = 0; i < REPORT_KINDS; i++)
		if (link->queues[i].count > 0)
			empty = flush_queue(link, &link->queues[i]) && empty;
	return (empty);
}
