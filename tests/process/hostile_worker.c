/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker whose memory and sockets belong to an attacker could do to
 * the master. Installed as bulkhead-worker: it is the real one, but for one
 * incarnation, which does what BULKHEAD_HOSTILE names:
 *
 *	silent      not even MAPPED
 *	unready     MAPPED, never READY
 *	mute        READY; says that it sleeps, and never does anything
 *	turning     the same, and publishes turn after turn
 *	garbage     the same, with noise in every word of its segment
 *	deaf        the same, and never reads its socket
 *	magic, type, size, count, body, long, empty, orders, early
 *	            a message that none may send
 *	lies        reports about connections that aren't its own, for ever
 *	hollow      reports about no connection, for ever
 *	flood       messages with descriptors, for ever
 *	refuse      takes nothing, and says so
 *	fork        a child that keeps all its descriptors outlives it
 */
#include "shm/base/fd.h"
#include "shm/message.h"
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MASTER = 3,
	FLOOD = 200, /* descriptors in one message */
};

static struct segment segment;
static const char *how;

static bool
is(const char *name)
{
	return (strcmp(how, name) == 0);
}

static void
wait_for(short events)
{
	(void)poll(&(struct pollfd){ .fd = MASTER, .events = events }, 1, -1);
}

/* Whatever there is room for, as long as the master listens. */
static void throw(const void *bytes, size_t size, const int *fds, size_t count)
{
	int error;

	while ((error = fd_send(MASTER, bytes, size, fds, count)) == -EAGAIN)
		wait_for(POLLOUT);
	if (error != 0)
		(void)pause(); /* it will kill us */
}

static void
say(enum message_type type)
{
	struct message_header header;

	message_init(&header, type, 0, 0);
	throw(&header, sizeof(header), NULL, 0);
}

/* The next message, at most its first ${size} bytes; its descriptors. */
static ssize_t
hear(void *bytes, size_t size, int flags, int *fds, size_t max)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t got;

	if (max > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_LEN(max * sizeof(int));
	}
	do {
		wait_for(POLLIN);
		got = recvmsg(MASTER, &message, flags | MSG_DONTWAIT);
	} while (got == -1 && errno == EAGAIN);
	if (got <= 0)
		_exit(0); /* the master is gone */
	if (max > 0)
		memcpy(fds, CMSG_DATA(&control.header), max * sizeof(int));
	return (got);
}

/* Who we are stands in BOOT, which stays for the real worker to read. */
static bool
is_our_turn(void)
{
	const char *turn = getenv("BULKHEAD_HOSTILE_TURN");
	struct {
		struct message_header header;
		struct message_boot boot;
	} message;

	how = getenv("BULKHEAD_HOSTILE");
	if (how == NULL || turn == NULL)
		return (false);
	(void)hear(&message, sizeof(message), MSG_PEEK, NULL, 0);
	return (message.boot.incarnation == strtoul(turn, NULL, 10));
}

static void
become_worker(void)
{
	static char bytes[MESSAGE_MAX];
	struct segment_fds fds;
	int received[3];

	(void)hear(bytes, sizeof(bytes), 0, received, 3);
	fds = (struct segment_fds){
		.ro = received[0], .rw = received[1], .buffers = received[2]
	};
	if (is("silent"))
		for (;;)
			(void)pause();
	if (is("early"))
		say(MESSAGE_READY);
	if (segment_map_worker(&fds, &segment) != 0)
		_exit(4);
	say(MESSAGE_MAPPED);
	(void)hear(bytes, sizeof(bytes), 0, NULL, 0); /* START */
	if (is("unready"))
		for (;;)
			(void)pause();
	/* As a worker that sleeps. */
	atomic_store(&segment.consumer->wake, 1);
	say(MESSAGE_READY);
}

static void
forge(struct message_header header, size_t size)
{
	static uint8_t bytes[64 * 1024];

	memcpy(bytes, &header, sizeof(header));
	throw(bytes, size, NULL, 0);
	for (;;)
		(void)pause();
}

/* One message that is wrong in one way; returns if it is none of these. */
static void
forge_one(void)
{
	const struct message_header good = {
		.magic = MESSAGE_MAGIC,
		.version = MESSAGE_VERSION,
		.type = MESSAGE_TAKEN,
		.count = 1,
		.size = sizeof(struct message_slot),
	};
	const size_t whole = sizeof(good) + sizeof(struct message_slot);
	struct message_header header = good;

	if (is("magic")) {
		header.magic++;
		forge(header, whole);
	} else if (is("type")) {
		header.type = 999;
		forge(header, whole);
	} else if (is("size")) {
		header.size = UINT32_MAX;
		forge(header, whole);
	} else if (is("count")) {
		header.count = UINT32_MAX;
		forge(header, whole);
	} else if (is("body")) {
		forge(header, sizeof(header) + 3);
	} else if (is("long")) {
		forge(header, 64 * 1024);
	} else if (is("empty")) {
		forge(header, 0);
	} else if (is("orders")) {
		header.type = MESSAGE_HANDOVER;
		forge(header, whole);
	}
}

static void
lie_for_ever(uint32_t count)
{
	static const enum message_type types[] = { MESSAGE_CLOSED,
		MESSAGE_RELEASED, MESSAGE_TAKEN, MESSAGE_REFUSED };
	struct {
		struct message_header header;
		struct message_slot slots[MESSAGE_SLOTS];
	} message;
	size_t size = count * sizeof(message.slots[0]);

	for (uint32_t turn = 0;; turn++) {
		message_init(
		    &message.header, types[turn % 4], count, (uint32_t)size);
		for (uint32_t i = 0; i < count; i++)
			message.slots[i] = (struct message_slot){
				.slot = turn * 7 + i,
				.generation = turn % 3 + 1,
				.how = turn,
			};
		throw(&message, sizeof(message.header) + size, NULL, 0);
	}
}

static void
flood_for_ever(void)
{
	struct message_header header;
	int fds[FLOOD];

	for (size_t i = 0; i < FLOOD; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	message_init(&header, MESSAGE_READY, 0, 0);
	for (;;)
		throw(&header, sizeof(header), fds, FLOOD);
}

static void
scatter_noise(uint64_t *seed)
{
	uint64_t *word = (uint64_t *)(void *)segment.consumer;
	uint64_t *end = (uint64_t *)(void *)((uint8_t *)segment.base +
					     segment.header->segment_size);

	for (; word < end; word++) {
		*seed ^= *seed << 13;
		*seed ^= *seed >> 7;
		*seed ^= *seed << 17;
		*word = *seed;
	}
}

/* Reads what comes and answers nothing; keeps the descriptors. */
static void
take_for_ever(void)
{
	uint64_t seed = 88172645463325252, turn = 0;
	uint8_t bytes[8192];

	for (;;) {
		(void)poll(
		    &(struct pollfd){ .fd = MASTER, .events = POLLIN }, 1, 10);
		if (!is("deaf") &&
		    recv(MASTER, bytes, sizeof(bytes), MSG_DONTWAIT) == 0)
			_exit(0);
		if (is("turning"))
			atomic_store(&segment.consumer->turn, ++turn);
		if (is("garbage"))
			scatter_noise(&seed);
	}
}

static void
refuse_for_ever(void)
{
	struct {
		struct message_header header;
		struct message_connection items[MESSAGE_CONNECTIONS];
	} in;
	struct {
		struct message_header header;
		struct message_slot slot;
	} out;
	uint64_t turn = 0;

	for (;;) {
		(void)hear(&in, sizeof(in), 0, NULL, 0);
		atomic_store(&segment.consumer->turn, ++turn);
		if (in.header.type != MESSAGE_HANDOVER)
			continue;
		message_init(&out.header, MESSAGE_REFUSED, 1, sizeof(out.slot));
		for (uint32_t i = 0; i < in.header.count; i++) {
			out.slot = (struct message_slot){
				.slot = in.items[i].slot,
				.generation = in.items[i].generation,
			};
			throw(&out, sizeof(out), NULL, 0);
		}
	}
}

/* The child has all that we have, the clients and the segment included. */
static void
outlive(void)
{
	int fds[1];
	uint8_t bytes[8192];

	/* One connection at least. */
	(void)hear(bytes, sizeof(bytes), 0, fds, 1);
	if (fork() == 0) {
		(void)alarm(20); /* should the test not end us */
		for (;;)
			(void)pause();
	}
	abort();
}

int
main(int argc, char **argv)
{
	char *real = getenv("BULKHEAD_HOSTILE_REAL");

	(void)argc;
	if (!is_our_turn()) {
		if (real != NULL)
			(void)execv(real, argv);
		return (127);
	}
	(void)signal(SIGABRT, is("fork") ? SIG_DFL : SIG_IGN);
	become_worker();
	forge_one();
	if (is("lies"))
		lie_for_ever(MESSAGE_SLOTS);
	if (is("hollow"))
		lie_for_ever(0);
	if (is("flood"))
		flood_for_ever();
	if (is("refuse"))
		refuse_for_ever();
	if (is("fork"))
		outlive();
	take_for_ever();
	return (0);
}
