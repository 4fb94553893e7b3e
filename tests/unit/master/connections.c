/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of connections: slots, generations, owners, stale reports.
 */
#include "master/connections.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX = 8
};

struct fixture {
	struct connections table;
	struct connection_queue queue, next;
	struct connection_owner one, other;
	unsigned freed;
};

static void
count_freed(void *owner)
{
	((struct fixture *)owner)->freed++;
}

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(connections_init(&fixture->table, MAX), 0);
	connection_queue_init(&fixture->queue);
	connection_queue_init(&fixture->next);
	connection_owner_init(&fixture->one);
	connection_owner_init(&fixture->other);
	fixture->table.freed = count_freed;
	fixture->table.freed_owner = fixture;
	*state = fixture;
	return (0);
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	connections_fini(&fixture->table);
	free(fixture);
	return (0);
}

static struct connection *
open_one(struct fixture *fixture)
{
	static const struct slot_peer peer = { .family = AF_INET, .port = 7 };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct connection *connection;

	assert_true(fd >= 0);
	connection =
	    connections_open(&fixture->table, &fixture->queue, fd, &peer, 123);
	if (connection == NULL)
		(void)close(fd);
	return (connection);
}

static void
gives_each_connection_a_slot_and_a_generation(void **state)
{
	struct fixture *fixture = *state;
	struct connection *connection;

	for (uint32_t i = 0; i < MAX; i++) {
		connection = open_one(fixture);
		assert_non_null(connection);
		assert_int_equal(connection->slot, i);
		assert_int_equal(connection->generation, 1);
		assert_int_equal(connection->state, CONNECTION_QUEUED);
		assert_int_equal(connection->accepted_ns, 123);
		assert_int_equal(connection->peer.port, 7);
	}
	assert_int_equal(fixture->table.open, MAX);
	assert_int_equal(fixture->table.queued, MAX);
	assert_null(open_one(fixture));
}

static void
grows_the_generation_at_each_reuse(void **state)
{
	struct fixture *fixture = *state;
	struct connection *connection;

	for (uint32_t i = 1; i <= 5; i++) {
		connection = open_one(fixture);
		assert_int_equal(connection->slot, 0);
		assert_int_equal(connection->generation, i);
		connections_close(&fixture->table, connection);
		assert_int_equal(fixture->freed, i);
	}
	fixture->table.slots[0].generation = UINT32_MAX;
	assert_int_equal(open_one(fixture)->generation, 1); /* never 0 */
}

static void
finds_only_what_the_owner_owns(void **state)
{
	struct fixture *fixture = *state;
	struct connections *table = &fixture->table;
	struct connection *connection = open_one(fixture);

	assert_null(connections_find(table, &fixture->one, 0, 1));
	connections_offer(table, connection, &fixture->one);
	assert_ptr_equal(
	    connections_find(table, &fixture->one, 0, 1), connection);
	assert_null(connections_find(table, &fixture->other, 0, 1));
	assert_null(connections_find(table, &fixture->one, 0, 2));
	assert_null(connections_find(table, &fixture->one, 0, 0));
	assert_null(connections_find(table, &fixture->one, 1, 1));
	assert_null(connections_find(table, &fixture->one, MAX, 1));
	assert_null(connections_find(table, &fixture->one, UINT32_MAX, 1));
	connections_close(table, connection);
	assert_null(connections_find(table, &fixture->one, 0, 1));
}

static void
does_not_find_an_earlier_generation(void **state)
{
	struct fixture *fixture = *state;
	struct connections *table = &fixture->table;
	struct connection *connection = open_one(fixture);

	connections_offer(table, connection, &fixture->one);
	connections_close(table, connection);
	connection = open_one(fixture);
	assert_int_equal(connection->slot, 0);
	connections_offer(table, connection, &fixture->one);
	assert_null(connections_find(table, &fixture->one, 0, 1));
	assert_non_null(connections_find(table, &fixture->one, 0, 2));
}

static void
counts_what_an_owner_has(void **state)
{
	struct fixture *fixture = *state;
	struct connections *table = &fixture->table;
	struct connection *first = open_one(fixture);
	struct connection *second = open_one(fixture);

	connections_offer(table, first, &fixture->one);
	connections_offer(table, second, &fixture->one);
	assert_int_equal(fixture->one.count, 2);
	assert_int_equal(table->queued, 0);
	connections_taken(first);
	assert_int_equal(first->state, CONNECTION_HELD);
	connections_requeue(table, second);
	assert_int_equal(fixture->one.count, 1);
	assert_int_equal(table->queued, 1);
	assert_null(second->owner);
	connections_offer(table, second, &fixture->other);
	assert_int_equal(fixture->other.count, 1);
	connections_close(table, first);
	assert_int_equal(fixture->one.count, 0);
	assert_int_equal(table->open, 1);
}

static void
puts_what_comes_back_before_what_is_new(void **state)
{
	struct fixture *fixture = *state;
	struct connections *table = &fixture->table;
	struct connection *first = open_one(fixture);
	struct connection *second = open_one(fixture);

	connections_offer(table, first, &fixture->one);
	connections_requeue(table, first);
	assert_ptr_equal(TAILQ_FIRST(&fixture->queue.list), first);
	assert_ptr_equal(TAILQ_NEXT(first, link), second);
}

/* At a reload: those that wait and those that are with a worker. */
static void
moves_from_one_pool_to_another(void **state)
{
	struct fixture *fixture = *state;
	struct connections *table = &fixture->table;
	struct connection *held = open_one(fixture);
	struct connection *first = open_one(fixture);
	struct connection *second = open_one(fixture);
	struct connection *other = open_one(fixture);

	connections_offer(table, held, &fixture->one);
	connections_taken(held);
	connections_offer(table, other, &fixture->one);
	connections_move(table, &fixture->queue, &fixture->next);
	assert_int_equal(fixture->queue.count, 0);
	assert_true(TAILQ_EMPTY(&fixture->queue.list));
	assert_int_equal(fixture->next.count, 2);
	assert_ptr_equal(TAILQ_FIRST(&fixture->next.list), first);
	assert_ptr_equal(TAILQ_NEXT(first, link), second);
	assert_int_equal(table->queued, 2);
	connections_requeue(table, held);
	assert_ptr_equal(TAILQ_FIRST(&fixture->next.list), held);
	assert_int_equal(fixture->next.count, 3);
	connections_close(table, other);
	assert_int_equal(table->queued, 3);
}

/* What has waited in the old one has waited longer. */
static void
moves_before_those_that_wait_already(void **state)
{
	struct fixture *fixture = *state;
	struct connections *table = &fixture->table;
	struct connection *early = open_one(fixture), *late;

	connections_move(table, &fixture->queue, &fixture->next);
	late = open_one(fixture);
	connections_move(table, &fixture->next, &fixture->queue);
	assert_ptr_equal(TAILQ_FIRST(&fixture->queue.list), early);
	assert_ptr_equal(TAILQ_NEXT(early, link), late);
	assert_int_equal(fixture->queue.count, 2);
	assert_int_equal(fixture->next.count, 0);
}

static void
closes_its_copy_of_the_descriptor(void **state)
{
	struct fixture *fixture = *state;
	struct connection *connection = open_one(fixture);
	int fd = connection->fd;

	assert_true(fcntl(fd, F_GETFD) >= 0);
	connections_close(&fixture->table, connection);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* As a module's forked child would keep one: the client sees it all the same.
 */
static void
resets_although_another_copy_is_open(void **state)
{
	static const struct slot_peer peer = { .family = AF_INET };
	struct fixture *fixture = *state;
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t length = sizeof(in);
	int client, copy, listener, server;
	char byte;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(
	    getsockname(listener, (struct sockaddr *)&in, &length), 0);
	assert_int_equal(
	    connect(client, (struct sockaddr *)&in, sizeof(in)), 0);
	server = accept(listener, NULL, NULL);
	copy = dup(server);
	assert_true(copy >= 0);
	connections_reset(
	    &fixture->table, connections_open(&fixture->table, &fixture->queue,
				 server, &peer, 0));
	assert_int_equal(read(client, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	(void)close(copy);
	(void)close(client);
	(void)close(listener);
}

#define TABLE_TEST(function) \
	cmocka_unit_test_setup_teardown((function), set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(gives_each_connection_a_slot_and_a_generation),
		TABLE_TEST(grows_the_generation_at_each_reuse),
		TABLE_TEST(finds_only_what_the_owner_owns),
		TABLE_TEST(does_not_find_an_earlier_generation),
		TABLE_TEST(counts_what_an_owner_has),
		TABLE_TEST(puts_what_comes_back_before_what_is_new),
		TABLE_TEST(moves_from_one_pool_to_another),
		TABLE_TEST(moves_before_those_that_wait_already),
		TABLE_TEST(closes_its_copy_of_the_descriptor),
		TABLE_TEST(resets_although_another_copy_is_open),
	};

	return (RUN_TESTS(argc, argv, tests));
}
