/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker for the master's tests. It speaks the protocol as it should, gives
 * each line that it reads from a client one fixed answer, and misbehaves when
 * it is told to: by the settings of its first module, or by the line.
 *
 *	fail=TEXT     FAILED with TEXT instead of READY
 *	load=crash    SIGSEGV while it loads module 0
 *	load=slow     never READY
 *	load=garbage  READY before MAPPED
 *	drain=never   DRAIN is ignored
 *	retire=never  RETIRE is ignored
 *	take=never    refuses every connection
 *
 *	/crash        SIGSEGV in module 0, begin_request, request 7-17
 *	/nonsense     a message of no known type
 *	/lie          reports that aren't true
 *	/hangup       closes the socket to the master and lives on
 *	/fds          answers with the descriptors it has
 *	/close        answers, then closes in order
 *	anything      answers
 */
#include "shm/activity.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/message.h"
#include "shm/ring.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MASTER = 3,
	CLIENTS = 1024
};

struct client {
	int fd;
	struct message_slot name;
};

struct fake {
	struct message_boot boot;
	struct segment segment;
	struct ring ring; /* empty: its wreck shall be whole */
	struct ring_consumer consumer;
	char strings[4096];
	struct client clients[CLIENTS];
	size_t count;
	bool draining;
};

static void
say(enum message_type type, const void *body, size_t size, uint32_t count)
{
	char bytes[sizeof(struct message_header) + 4096];
	struct message_header header;

	message_init(&header, type, count, (uint32_t)size);
	memcpy(bytes, &header, sizeof(header));
	if (size > 0)
		memcpy(bytes + sizeof(header), body, size);
	while (
	    fd_send(MASTER, bytes, sizeof(header) + size, NULL, 0) == -EAGAIN)
		(void)poll(&(struct pollfd){ MASTER, POLLOUT, 0 }, 1, -1);
}

/* The value of "key=value" among the first module's settings, or NULL. */
static const char *
setting(const struct fake *fake, const char *key)
{
	const char *string = fake->strings;

	/* The sandbox's strings stand before the modules'. */
	for (int i = 0; i < 3; i++)
		string += strlen(string) + 1;
	while (*string != '\0') {
		if (strncmp(string, key, strlen(key)) == 0)
			return (string + strlen(key));
		string += strlen(string) + 1;
	}
	return (NULL);
}

static bool
is_set(const struct fake *fake, const char *key, const char *value)
{
	const char *is = setting(fake, key);

	return (is != NULL && strcmp(is, value) == 0);
}

static ssize_t
hear(void *buffer, size_t size, int *fds, size_t max, size_t *ret_count)
{
	ssize_t length;
	int truncated;

	do {
		(void)poll(&(struct pollfd){ MASTER, POLLIN, 0 }, 1, -1);
		length = fd_receive(
		    MASTER, buffer, size, fds, max, ret_count, &truncated);
	} while (length == -EAGAIN);
	return (length);
}

static _Noreturn void
crash(const struct fake *fake, uint32_t step, uint64_t request)
{
	(void)activity_set(&fake->segment.consumer->activities[0],
	    activity_pack(0, step, request));
	(void)signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would speak */
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	(void)raise(SIGSEGV);
	_exit(99);
}

static void
boot(struct fake *fake)
{
	static char bytes[MESSAGE_MAX];
	struct segment_fds fds = { -1, -1, -1 };
	int received[3] = { -1, -1, -1 };
	size_t count = 0;

	if (hear(bytes, sizeof(bytes), received, 3, &count) <= 0 || count != 3)
		_exit(3);
	fds.ro = received[0];
	fds.rw = received[1];
	fds.buffers = received[2];
	memcpy(&fake->boot, bytes + sizeof(struct message_header),
	    sizeof(fake->boot));
	log_init("fake", fake->boot.worker);
	memcpy(fake->strings,
	    bytes + sizeof(struct message_header) + sizeof(fake->boot),
	    fake->boot.strings);
	if (is_set(fake, "load=", "garbage"))
		say(MESSAGE_READY, NULL, 0, 0);
	if (segment_map_worker(&fds, &fake->segment) != 0)
		_exit(4);
	ring_init(&fake->ring, &fake->segment, -1);
	if (ring_consumer_init(&fake->consumer, &fake->ring) != 0)
		_exit(4);
	/* It has no loop that could publish its turns. */
	atomic_store_explicit(
	    &fake->segment.consumer->wake, 1, memory_order_relaxed);
	say(MESSAGE_MAPPED, NULL, 0, 0);
	if (hear(bytes, sizeof(bytes), NULL, 0, &count) <= 0)
		_exit(5);
}

static void
load(struct fake *fake)
{
	const char *text = setting(fake, "fail=");

	if (text != NULL) {
		say(MESSAGE_FAILED, text, strlen(text), 0);
		_exit(1);
	}
	if (is_set(fake, "load=", "crash"))
		crash(fake, ACTIVITY_LOADING, 0);
	if (is_set(fake, "load=", "slow"))
		for (;;)
			(void)pause();
	say(MESSAGE_READY, NULL, 0, 0);
}

/* Give all back, and end. */
static void
retire(struct fake *fake)
{
	for (size_t i = 0; i < fake->count; i++) {
		(void)close(fake->clients[i].fd);
		say(MESSAGE_RELEASED, &fake->clients[i].name,
		    sizeof(fake->clients[i].name), 1);
	}
	fake->count = 0;
	fake->draining = true;
}

static void
take(struct fake *fake)
{
	struct {
		struct message_header header;
		struct message_connection items[MESSAGE_CONNECTIONS];
	} message;
	int fds[MESSAGE_CONNECTIONS];
	struct client *client;
	bool refuse = is_set(fake, "take=", "never");
	size_t count = 0;
	ssize_t size;

	size =
	    hear(&message, sizeof(message), fds, MESSAGE_CONNECTIONS, &count);
	if (size <= 0)
		_exit(0); /* the master is gone */
	if (message.header.type == MESSAGE_DRAIN)
		fake->draining = !is_set(fake, "drain=", "never");
	if (message.header.type == MESSAGE_RETIRE &&
	    !is_set(fake, "retire=", "never"))
		retire(fake);
	if (message.header.type != MESSAGE_HANDOVER)
		return;
	for (size_t i = 0; i < count; i++) {
		client = &fake->clients[fake->count];
		client->fd = fds[i];
		client->name = (struct message_slot){ message.items[i].slot,
			message.items[i].generation, CLOSE_ORDERLY, 0 };
		say(refuse ? MESSAGE_REFUSED : MESSAGE_TAKEN, &client->name,
		    sizeof(client->name), 1);
		if (refuse)
			(void)close(client->fd);
		else
			fake->count++;
	}
}

static void
end(struct fake *fake, struct client *client)
{
	(void)shutdown(client->fd, SHUT_WR);
	(void)close(client->fd);
	say(MESSAGE_CLOSED, &client->name, sizeof(client->name), 1);
	*client = fake->clients[--fake->count];
}

static void
lie(const struct client *client)
{
	struct message_slot slots[3] = { client->name, client->name,
		client->name };

	slots[0].generation += 7;
	slots[1].slot = UINT32_MAX;
	say(MESSAGE_CLOSED, slots, sizeof(*slots) * 2, 2);
	say(MESSAGE_TAKEN, &slots[2], sizeof(*slots), 1); /* once too often */
	say(MESSAGE_REFUSED, &slots[2], sizeof(*slots), 1);
}

static void
list_descriptors(char *text, size_t size)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t used = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.' &&
		    strtol(entry->d_name, NULL, 10) != dirfd(folder))
			used += (size_t)snprintf(
			    text + used, size - used, "%s ", entry->d_name);
	(void)closedir(folder);
}

static void
answer(struct fake *fake, struct client *client)
{
	char line[1024], text[1024];
	ssize_t size = read(client->fd, line, sizeof(line) - 1);

	if (size <= 0) {
		end(fake, client);
		return;
	}
	line[size] = '\0';
	(void)snprintf(text, sizeof(text), "worker %u incarnation %u\n",
	    (unsigned)fake->boot.worker, (unsigned)fake->boot.incarnation);
	if (strstr(line, "/crash") != NULL)
		crash(fake, 0, request_id_make(7, 17));
	if (strstr(line, "/nonsense") != NULL)
		say((enum message_type)99, NULL, 0, 0);
	if (strstr(line, "/lie") != NULL)
		lie(client);
	if (strstr(line, "/hangup") != NULL) {
		(void)close(MASTER);
		for (;;)
			(void)pause();
	}
	if (strstr(line, "/fds") != NULL)
		list_descriptors(text, sizeof(text));
	(void)send(client->fd, text, strlen(text), MSG_NOSIGNAL);
	if (strstr(line, "/close") != NULL)
		end(fake, client);
}

static void
serve(struct fake *fake)
{
	struct pollfd polled[CLIENTS + 1];
	size_t count;

	while (!fake->draining) {
		polled[0] = (struct pollfd){ MASTER, POLLIN, 0 };
		count = fake->count;
		for (size_t i = 0; i < count; i++)
			polled[i + 1] =
			    (struct pollfd){ fake->clients[i].fd, POLLIN, 0 };
		(void)poll(polled, count + 1, -1);
		/* From the end: an ended one is replaced by the last. */
		for (size_t i = count; i-- > 0;)
			if (polled[i + 1].revents != 0)
				answer(fake, &fake->clients[i]);
		if (polled[0].revents != 0)
			take(fake);
	}
	while (fake->count > 0)
		end(fake, &fake->clients[0]);
}

int
main(void)
{
	static struct fake fake;

	boot(&fake);
	load(&fake);
	serve(&fake);
	_exit(0);
}
