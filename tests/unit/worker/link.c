/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master's messages and the reports that go back.
 */
#include "harness.h"

#include "shm/base/fd.h"
#include "shm/stats.h"
#include "worker/link.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

/* A HANDOVER of many connections. */
struct handover {
	struct message_header header;
	struct message_connection items[MESSAGE_CONNECTIONS];
	int fds[MESSAGE_CONNECTIONS];
};

static void
make_handover(struct handover *handover, struct client **clients, size_t count)
{
	size_t i;

	memset(handover, 0, sizeof(*handover));
	message_init(&handover->header, MESSAGE_HANDOVER, (uint32_t)count,
	    (uint32_t)(count * sizeof(handover->items[0])));
	for (i = 0; i < count; i++) {
		handover->items[i].slot = clients[i]->slot;
		handover->items[i].generation = clients[i]->generation;
		handover->items[i].why = HANDOVER_ACCEPTED;
		handover->items[i].peer.family = AF_UNIX;
		handover->fds[i] = clients[i]->kept;
	}
}

static void
send_handover(const struct handover *handover, size_t fd_count)
{
	harness_message(handover,
	    sizeof(handover->header) + handover->header.size, handover->fds,
	    fd_count);
}

static size_t
open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	(void)closedir(directory);
	return (count);
}

TEST(takes_64_connections_in_one_message)
{
	struct client *clients[MESSAGE_CONNECTIONS];
	struct handover handover;
	size_t i;

	harness_serve(OPS(.on_begin_request = hello));
	for (i = 0; i < MESSAGE_CONNECTIONS; i++)
		clients[i] = client_new(CLIENT_UNIX);
	make_handover(&handover, clients, MESSAGE_CONNECTIONS);
	send_handover(&handover, MESSAGE_CONNECTIONS);
	for (i = 0; i < MESSAGE_CONNECTIONS; i++)
		client_send(clients[i], GET);
	for (i = 0; i < MESSAGE_CONNECTIONS; i++)
		client_expect(clients[i], OK(5, "hello"));
	assert_int_equal(harness_stat(STAT_connections), MESSAGE_CONNECTIONS);
}

TEST(reports_what_was_taken_and_how_it_ended)
{
	struct client *client, *other;
	char expected[100];

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_TCP);
	other = client_open(CLIENT_TCP);
	(void)snprintf(expected, sizeof(expected), "taken 0.%u taken 1.%u",
	    client->generation, other->generation);
	assert_string_equal(harness_reports(), expected);
	client_drop(client);
	client_wait_closed(client);
	client_abort(other);
	client_wait_closed(other);
	(void)snprintf(expected, sizeof(expected), "orderly 0.%u reset 1.%u",
	    client->generation, other->generation);
	assert_string_equal(harness_reports(), expected);
}

TEST(a_slot_is_used_again_with_another_generation)
{
	struct client *client, *next;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_drop(client);
	client_wait_closed(client);
	next = client_new(CLIENT_UNIX);
	next->slot = client->slot;
	client_hand_over(next);
	client_send(next, GET);
	client_expect(next, OK(5, "hello"));
	assert_int_equal(slot_generation(&harness_worker()->segment.slots[0]),
	    next->generation);
}

TEST(refuses_a_slot_that_there_is_not)
{
	struct client *client;
	size_t before;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_new(CLIENT_UNIX);
	client->slot = harness_worker()->segment.geometry.slots;
	before = open_fds();
	client_hand_over(client);
	harness_run();
	assert_true(client->refused);
	assert_int_equal(open_fds(), before);
	client->slot = UINT32_MAX;
	client_hand_over(client);
	harness_run();
	assert_int_equal(open_fds(), before);
}

/* At the descriptor limit the kernel installs a prefix. */
TEST(refuses_what_came_without_its_descriptor)
{
	struct client *clients[4];
	struct handover handover;
	struct rlimit limit, low;
	size_t i;
	int fd;

	harness_serve(OPS(.on_begin_request = hello));
	for (i = 0; i < 4; i++)
		clients[i] = client_new(CLIENT_UNIX);
	make_handover(&handover, clients, 4);
	send_handover(&handover, 4);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	fd = dup(0);
	assert_int_not_equal(fd, -1);
	(void)close(fd);
	low = limit;
	low.rlim_cur = (rlim_t)fd + 2; /* and two more */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	(void)harness_settles(1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_false(clients[0]->refused);
	assert_false(clients[1]->refused);
	assert_true(clients[2]->refused);
	assert_true(clients[3]->refused);
	client_send(clients[1], GET);
	client_expect(clients[1], OK(5, "hello"));
	/* They stayed with the master, which tries again. */
	client_hand_over(clients[3]);
	client_send(clients[3], GET);
	client_expect(clients[3], OK(5, "hello"));
}

TEST(refuses_items_beyond_the_descriptors)
{
	struct client *clients[2];
	struct handover handover;

	harness_serve(OPS(.on_begin_request = hello));
	clients[0] = client_new(CLIENT_UNIX);
	clients[1] = client_new(CLIENT_UNIX);
	make_handover(&handover, clients, 2);
	send_handover(&handover, 1);
	harness_run();
	assert_false(clients[0]->refused);
	assert_true(clients[1]->refused);
}

TEST(survives_messages_that_are_none)
{
	struct message_header header;
	struct client *client;
	uint8_t garbage[100];

	harness_serve(OPS(.on_begin_request = hello));
	memset(garbage, 'g', sizeof(garbage));
	harness_message(garbage, sizeof(garbage), NULL, 0);
	harness_message(garbage, 1, NULL, 0);
	message_init(&header, MESSAGE_BOOT, 0, 0);
	harness_message(&header, sizeof(header), NULL, 0);
	message_init(&header, MESSAGE_HANDOVER, 64, 0);
	harness_message(&header, sizeof(header), NULL, 0);
	message_init(&header, MESSAGE_HANDOVER, 0, 0);
	harness_message(&header, sizeof(header), NULL, 0);
	harness_run();
	assert_true(harness_logged("from the master") >= 4);
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
}

TEST(keeps_no_descriptor_of_a_message_that_is_none)
{
	struct message_header header;
	struct client *client;
	size_t before;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_new(CLIENT_UNIX);
	before = open_fds();
	message_init(&header, MESSAGE_START, 0, 0);
	harness_message(&header, sizeof(header), &client->kept, 1);
	message_init(&header, MESSAGE_HANDOVER, 0, 0);
	harness_message(&header, sizeof(header), &client->kept, 1);
	harness_run();
	assert_int_equal(open_fds(), before);
}

/* A thousand reports wait for a master that doesn't read, and none is lost. */
TEST(keeps_reports_that_the_socket_does_not_take)
{
	struct link *link;
	struct message_slot *items;
	static _Alignas(8) uint8_t buffer[MESSAGE_MAX];
	const struct message_header *header = (const void *)buffer;
	uint32_t i, next = 0;
	int ends[2];
	bool flushed;

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, ends),
	    0);
	assert_int_equal(link_create(ends[0], &link), 0);
	for (i = 0; i < 100000; i++)
		link_report(link, MESSAGE_TAKEN, i, 1, 0);
	assert_false(link_flush(link));
	link_report(link, MESSAGE_TAKEN, i++, 1, 0);
	items = (void *)(buffer + sizeof(*header));
	do {
		flushed = link_flush(link);
		while (recv(ends[1], buffer, sizeof(buffer), 0) > 0) {
			uint32_t j;

			assert_int_equal(header->type, MESSAGE_TAKEN);
			for (j = 0; j < header->count; j++)
				assert_int_equal(items[j].slot, next++);
		}
	} while (!flushed);
	assert_int_equal(next, i);
	/* A master that is gone takes everything. */
	(void)close(ends[1]);
	link_report(link, MESSAGE_CLOSED, 1, 1, CLOSE_ORDERLY);
	assert_true(link_flush(link));
	link_free(link);
	(void)close(ends[0]);
}

TEST(boots_with_the_masters_words)
{
	struct {
		struct message_header header;
		struct message_boot boot;
		char strings[8];
	} message = { .boot = { .worker = 3, .strings = 8 },
		.strings = "a\0b\0c=d" };
	struct segment_fds fds = { -1, -1, -1 };
	struct message_boot boot;
	struct link *link;
	char *strings;
	int ends[2], three[3];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, ends),
	    0);
	assert_int_equal(link_create(ends[0], &link), 0);
	three[0] = three[1] = three[2] = ends[1];
	message_init(&message.header, MESSAGE_BOOT, 0,
	    sizeof(message) - sizeof(message.header));
	assert_int_equal(
	    fd_send(ends[1], &message, sizeof(message), three, 3), 0);
	assert_int_equal(link_boot(link, &boot, &strings, &fds), 0);
	assert_int_equal(boot.worker, 3);
	assert_memory_equal(strings, message.strings, 8);
	free(strings);
	fd_close(&fds.ro);
	fd_close(&fds.rw);
	fd_close(&fds.buffers);
	/* Without its descriptors, and as something else. */
	assert_int_equal(
	    fd_send(ends[1], &message, sizeof(message), three, 2), 0);
	assert_int_equal(link_boot(link, &boot, &strings, &fds), -EBADMSG);
	message.boot.strings = 9;
	assert_int_equal(
	    fd_send(ends[1], &message, sizeof(message), three, 3), 0);
	assert_int_equal(link_boot(link, &boot, &strings, &fds), -EBADMSG);
	message_init(&message.header, MESSAGE_START, 0, 0);
	assert_int_equal(
	    fd_send(ends[1], &message.header, sizeof(message.header), NULL, 0),
	    0);
	assert_int_equal(link_wait_start(link), 0);
	(void)close(ends[1]);
	assert_int_equal(link_boot(link, &boot, &strings, &fds), -EPIPE);
	assert_int_equal(link_wait_start(link), -EPIPE);
	link_free(link);
	(void)close(ends[0]);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(takes_64_connections_in_one_message),
	HARNESS_TEST(reports_what_was_taken_and_how_it_ended),
	HARNESS_TEST(a_slot_is_used_again_with_another_generation),
	HARNESS_TEST(refuses_a_slot_that_there_is_not),
	HARNESS_TEST(refuses_what_came_without_its_descriptor),
	HARNESS_TEST(refuses_items_beyond_the_descriptors),
	HARNESS_TEST(survives_messages_that_are_none),
	HARNESS_TEST(keeps_no_descriptor_of_a_message_that_is_none),
	HARNESS_TEST(keeps_reports_that_the_socket_does_not_take),
	HARNESS_TEST(boots_with_the_masters_words),
};

HARNESS_MAIN(tests)
