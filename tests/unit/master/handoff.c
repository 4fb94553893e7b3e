/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hand-over against a socketpair: batches, confirmations, refusals, a
 * socket that is full.
 */
#include "master/handoff.h"
#include "master/channel.h"
#include "master/master.h"
#include "shm/base/fd.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WORKERS = 2,
	SLOTS = 512
};

struct message {
	struct message_header header;
	struct message_connection items[MESSAGE_CONNECTIONS];
};

struct fixture {
	struct master master;
	struct worker *workers; /* of the only pool */
	int peers[WORKERS];     /* the workers' ends */
};

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct master *master = &fixture->master;
	struct config_pool *pool;
	struct config *config;
	struct worker *worker;
	struct reason why;
	int pair[2];

	assert_non_null(fixture);
	config = config_new();
	assert_non_null(config);
	assert_int_equal(config_add_pool(config, "main", &pool, &why), 0);
	pool->workers = WORKERS;
	pool->spares = 0;
	generations_init(master);
	master->phase = MASTER_SERVING;
	assert_int_equal(loop_init(&master->loop), 0);
	assert_int_equal(connections_init(&master->connections, SLOTS), 0);
	handoff_init(&master->handoff, master);
	assert_int_equal(
	    generation_create(master, config, &master->generation), 0);
	master->generation->state = GENERATION_SERVING;
	fixture->workers = master->generation->pools[0].workers;
	for (uint32_t i = 0; i < WORKERS; i++) {
		worker = &fixture->workers[i];
		assert_int_equal(
		    socketpair(AF_UNIX,
			SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
		    0);
		worker->socket = pair[0];
		fixture->peers[i] = pair[1];
		assert_int_equal(channel_open(worker), 0);
		worker->state = WORKER_SERVING;
	}
	*state = fixture;
	return (0);
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;
	struct master *master = &fixture->master;

	for (uint32_t i = 0; i < WORKERS; i++) {
		supervise_finish(&fixture->workers[i]);
		fd_close(&fixture->peers[i]);
	}
	connections_fini(&master->connections);
	loop_timer_clear(&master->loop, &master->handoff.retry);
	generations_fini(master);
	loop_fini(&master->loop);
	free(fixture);
	return (0);
}

static struct connection_queue *
queue_of(struct fixture *fixture)
{
	return (&fixture->master.generation->pools[0].queue);
}

static void
queue(struct fixture *fixture, unsigned count)
{
	static const struct slot_peer peer = { .family = AF_INET, .port = 99 };
	int fd;

	while (count-- > 0) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_non_null(connections_open(&fixture->master.connections,
		    queue_of(fixture), fd, &peer, 5));
	}
}

/* The next message at a worker's end; its descriptors are closed at once. */
static ssize_t
receive(struct fixture *fixture, size_t worker, struct message *ret_message)
{
	int fds[MESSAGE_CONNECTIONS];
	size_t count = 0;
	ssize_t size;
	int truncated = 0;

	size = fd_receive(fixture->peers[worker], ret_message,
	    sizeof(*ret_message), fds, MESSAGE_CONNECTIONS, &count, &truncated);
	if (size <= 0)
		return (size);
	assert_int_equal(truncated, 0);
	assert_int_equal(message_check(ret_message, (size_t)size,
			     sizeof(struct message_connection)),
	    MESSAGE_HANDOVER);
	assert_int_equal(ret_message->header.count, count);
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
	return (size);
}

static void
report(struct fixture *fixture, size_t worker, enum message_type type,
    uint32_t slot, uint32_t generation)
{
	struct message_slot item = {
		.slot = slot, .generation = generation, .how = CLOSE_ORDERLY
	};

	handoff_report(&fixture->workers[worker], type, &item, 1);
}

static enum connection_state
state_of(const struct fixture *fixture, uint32_t slot)
{
	return (fixture->master.connections.slots[slot].state);
}

static void
sends_many_in_one_message(void **state)
{
	struct fixture *fixture = *state;
	struct message message;

	fixture->workers[1].state = WORKER_DOWN;
	queue(fixture, 10);
	handoff_run(&fixture->master);
	assert_true(receive(fixture, 0, &message) > 0);
	assert_int_equal(message.header.count, 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(message.items[i].slot, i);
		assert_int_equal(message.items[i].generation, 1);
		assert_int_equal(message.items[i].why, HANDOVER_ACCEPTED);
		assert_int_equal(message.items[i].accepted_ns, 5);
		assert_int_equal(message.items[i].peer.port, 99);
		assert_int_equal(state_of(fixture, i), CONNECTION_OFFERED);
	}
	assert_int_equal(receive(fixture, 0, &message), -EAGAIN);
	assert_int_equal(fixture->master.connections.queued, 0);
}

static void
splits_what_is_more_than_one_message(void **state)
{
	struct fixture *fixture = *state;
	struct message message;

	queue(fixture, 2 * MESSAGE_CONNECTIONS + 20);
	handoff_run(&fixture->master);
	for (size_t i = 0; i < WORKERS; i++) {
		assert_true(receive(fixture, i, &message) > 0);
		assert_int_equal(message.header.count, MESSAGE_CONNECTIONS);
		assert_true(receive(fixture, i, &message) > 0);
		assert_int_equal(message.header.count, 10);
		assert_int_equal(fixture->workers[i].owner.count, 74);
	}
}

static void
follows_taken_and_closed(void **state)
{
	struct fixture *fixture = *state;

	fixture->workers[1].state = WORKER_DOWN;
	queue(fixture, 2);
	handoff_run(&fixture->master);
	report(fixture, 0, MESSAGE_TAKEN, 0, 1);
	assert_int_equal(state_of(fixture, 0), CONNECTION_HELD);
	assert_int_equal(state_of(fixture, 1), CONNECTION_OFFERED);
	report(fixture, 0, MESSAGE_CLOSED, 0, 1);
	assert_int_equal(state_of(fixture, 0), CONNECTION_FREE);
	report(fixture, 0, MESSAGE_CLOSED, 1, 1); /* short, never confirmed */
	assert_int_equal(state_of(fixture, 1), CONNECTION_FREE);
	assert_int_equal(fixture->workers[0].bad_reports, 0);
	assert_int_equal(fixture->workers[0].owner.count, 0);
}

static void
counts_reports_that_cannot_be_true_and_does_not_follow_them(void **state)
{
	struct fixture *fixture = *state;
	struct worker *liar = &fixture->workers[1];

	liar->state = WORKER_DOWN;
	queue(fixture, 1);
	handoff_run(&fixture->master);
	report(fixture, 1, MESSAGE_CLOSED, 0, 1); /* another's */
	report(fixture, 1, MESSAGE_TAKEN, 0, 1);
	report(fixture, 1, MESSAGE_REFUSED, 0, 1);
	report(fixture, 1, MESSAGE_CLOSED, 9, 1); /* nobody's */
	report(fixture, 1, MESSAGE_CLOSED, UINT32_MAX, 0);
	assert_int_equal(liar->bad_reports, 5);
	report(fixture, 0, MESSAGE_CLOSED, 0, 2);  /* not yet */
	report(fixture, 0, MESSAGE_TAKEN, 0, 1);   /* true */
	report(fixture, 0, MESSAGE_TAKEN, 0, 1);   /* twice */
	report(fixture, 0, MESSAGE_REFUSED, 0, 1); /* too late */
	assert_int_equal(fixture->workers[0].bad_reports, 3);
	assert_int_equal(state_of(fixture, 0), CONNECTION_HELD);
}

/* The kernel tells of messages that it left unread before what it said. */
static void
hears_a_dead_worker_out(void **state)
{
	struct fixture *fixture = *state;
	struct {
		struct message_header header;
		struct message_slot slot;
	} taken = { .slot = { .slot = 0, .generation = 1 } };

	fixture->workers[1].state = WORKER_DOWN;
	queue(fixture, 1);
	handoff_run(&fixture->master);
	message_init(
	    &taken.header, MESSAGE_TAKEN, 1, (uint32_t)sizeof(taken.slot));
	assert_int_equal(
	    fd_send(fixture->peers[0], &taken, sizeof(taken), NULL, 0), 0);
	fd_close(&fixture->peers[0]);
	channel_read_all(&fixture->workers[0]);
	assert_int_equal(state_of(fixture, 0), CONNECTION_HELD);
}

/* What a successor says is told in the crash report; nonsense isn't. */
static void
settles_what_became_of_the_dead_one_s_connections(void **state)
{
	struct fixture *fixture = *state;
	struct fates *fates = calloc(1, sizeof(*fates));
	struct wreck wreck = { .fds = { -1, -1, -1 }, .fates = fates };
	struct message_slot item = { .slot = 0, .generation = 1 };
	struct connections *table = &fixture->master.connections;
	struct worker *next = &fixture->workers[0];

	assert_non_null(fates);
	queue(fixture, 2);
	for (uint32_t i = 0; i < 2; i++) {
		connections_set_wreck(&table->slots[i], &wreck);
		connections_offer(table, &table->slots[i], &next->owner);
	}
	item.how = TAKEN_HOWS;
	handoff_report(next, MESSAGE_TAKEN, &item, 1);
	assert_int_equal(next->bad_reports, 1);
	assert_int_equal(wreck.connections, 2);
	item.how = TAKEN_REPLAYED;
	handoff_report(next, MESSAGE_TAKEN, &item, 1);
	assert_int_equal(fates->counts[FATE_REPLAYED], 1);
	assert_int_equal(fates->entries[0].peer.port, 99);
	connections_reset(table, &table->slots[1]);
	assert_int_equal(fates->counts[FATE_RESET], 1);
	assert_int_equal(fates->count, 2);
	assert_int_equal(wreck.connections, 0);
	free(fates);
}

/* Only from one that retires, and not before it had it. */
static void
moves_what_a_retiring_worker_releases(void **state)
{
	struct fixture *fixture = *state;
	struct worker *old = &fixture->workers[0];
	struct message message;

	queue(fixture, 1);
	handoff_run(&fixture->master);
	assert_true(receive(fixture, 0, &message) > 0);
	assert_int_equal(message.items[0].why, HANDOVER_ACCEPTED);
	report(fixture, 0, MESSAGE_TAKEN, 0, 1);
	report(fixture, 0, MESSAGE_RELEASED, 0, 1);
	assert_int_equal(old->bad_reports, 1);
	assert_int_equal(state_of(fixture, 0), CONNECTION_HELD);
	old->retired = true;
	old->state = WORKER_RETIRING;
	report(fixture, 0, MESSAGE_RELEASED, 0, 1);
	assert_int_equal(old->bad_reports, 1);
	assert_true(receive(fixture, 1, &message) > 0);
	assert_int_equal(message.items[0].slot, 0);
	assert_int_equal(message.items[0].generation, 1);
	assert_int_equal(message.items[0].why, HANDOVER_MIGRATED);
	report(fixture, 1, MESSAGE_TAKEN, 0, 1);
	assert_int_equal(state_of(fixture, 0), CONNECTION_HELD);
	assert_int_equal(old->owner.count, 0);
}

static void
offers_what_one_refused_to_another(void **state)
{
	struct fixture *fixture = *state;
	struct message message;

	queue(fixture, 1);
	handoff_run(&fixture->master);
	assert_true(receive(fixture, 0, &message) > 0);
	report(fixture, 0, MESSAGE_REFUSED, 0, 1);
	assert_true(receive(fixture, 1, &message) > 0);
	assert_int_equal(message.items[0].slot, 0);
	assert_int_equal(message.items[0].generation, 1);
	assert_int_equal(receive(fixture, 0, &message), -EAGAIN);
}

/* The only one has refused: it is asked again, but not at once. */
static void
tries_a_refuser_again_after_a_rest(void **state)
{
	struct fixture *fixture = *state;
	struct message message;

	fixture->workers[1].state = WORKER_DOWN;
	queue(fixture, 1);
	handoff_run(&fixture->master);
	assert_true(receive(fixture, 0, &message) > 0);
	report(fixture, 0, MESSAGE_REFUSED, 0, 1);
	assert_int_equal(receive(fixture, 0, &message), -EAGAIN);
	assert_int_equal(state_of(fixture, 0), CONNECTION_QUEUED);
	assert_int_equal(loop_turn(&fixture->master.loop, 1000), 0);
	assert_true(receive(fixture, 0, &message) > 0);
}

static void
keeps_refused_ones_in_their_order(void **state)
{
	struct fixture *fixture = *state;
	struct message_slot slots[3];
	struct connection *connection;

	fixture->workers[1].state = WORKER_DOWN;
	queue(fixture, 3);
	handoff_run(&fixture->master);
	for (uint32_t i = 0; i < 3; i++)
		slots[i] = (struct message_slot){ i, 1, 0, 0 };
	handoff_report(&fixture->workers[0], MESSAGE_REFUSED, slots, 3);
	connection = TAILQ_FIRST(&queue_of(fixture)->list);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(connection->slot, i);
		connection = TAILQ_NEXT(connection, link);
	}
	assert_null(connection);
}

static void
queues_while_a_socket_is_full_and_sends_when_it_has_room(void **state)
{
	struct fixture *fixture = *state;
	struct worker *worker = &fixture->workers[0];
	struct message message;
	unsigned arrived = 0, sent = 0;
	int size = 1; /* the least that the system has */

	fixture->workers[1].state = WORKER_DOWN;
	assert_int_equal(setsockopt(worker->socket, SOL_SOCKET, SO_SNDBUF,
			     &size, sizeof(size)),
	    0);
	while (!worker->blocked && sent < SLOTS - 10) {
		queue(fixture, 1);
		sent++;
		handoff_run(&fixture->master);
	}
	assert_true(worker->blocked);
	queue(fixture, 9);
	sent += 9;
	handoff_run(&fixture->master);
	assert_int_equal(fixture->master.connections.queued, 10);
	assert_true((worker->channel.events & EPOLLOUT) != 0);
	while (receive(fixture, 0, &message) > 0)
		arrived += message.header.count;
	assert_int_equal(arrived, sent - 10);
	assert_int_equal(loop_turn(&fixture->master.loop, 1000), 0);
	assert_false(worker->blocked);
	assert_true((worker->channel.events & EPOLLOUT) == 0);
	assert_true(receive(fixture, 0, &message) > 0);
	assert_int_equal(message.header.count, 10);
}

static void
goes_round_a_worker_whose_socket_is_full(void **state)
{
	struct fixture *fixture = *state;
	struct message message;

	fixture->workers[0].blocked = true;
	queue(fixture, 5);
	handoff_run(&fixture->master);
	assert_true(receive(fixture, 1, &message) > 0);
	assert_int_equal(message.header.count, 5);
}

static void
gives_to_another_when_the_socket_turns_out_to_be_dead(void **state)
{
	struct fixture *fixture = *state;
	struct message message;
	unsigned arrived = 0;

	fd_close(&fixture->peers[0]);
	queue(fixture, 4);
	handoff_run(&fixture->master);
	assert_int_equal(fixture->workers[0].state, WORKER_DYING);
	while (receive(fixture, 1, &message) > 0)
		arrived += message.header.count;
	assert_int_equal(arrived, 4);
	assert_int_equal(fixture->workers[0].owner.count, 0);
}

static void
resets_the_queue_when_nobody_will_come(void **state)
{
	struct fixture *fixture = *state;

	queue(fixture, 3);
	fixture->master.phase = MASTER_DRAINING;
	handoff_run(&fixture->master);
	assert_int_equal(fixture->master.connections.open, 0);
}

#define HANDOFF_TEST(function) \
	cmocka_unit_test_setup_teardown((function), set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HANDOFF_TEST(sends_many_in_one_message),
		HANDOFF_TEST(splits_what_is_more_than_one_message),
		HANDOFF_TEST(follows_taken_and_closed),
		HANDOFF_TEST(
		    counts_reports_that_cannot_be_true_and_does_not_follow_them),
		HANDOFF_TEST(hears_a_dead_worker_out),
		HANDOFF_TEST(settles_what_became_of_the_dead_one_s_connections),
		HANDOFF_TEST(moves_what_a_retiring_worker_releases),
		HANDOFF_TEST(offers_what_one_refused_to_another),
		HANDOFF_TEST(tries_a_refuser_again_after_a_rest),
		HANDOFF_TEST(keeps_refused_ones_in_their_order),
		HANDOFF_TEST(
		    queues_while_a_socket_is_full_and_sends_when_it_has_room),
		HANDOFF_TEST(goes_round_a_worker_whose_socket_is_full),
		HANDOFF_TEST(
		    gives_to_another_when_the_socket_turns_out_to_be_dead),
		HANDOFF_TEST(resets_the_queue_when_nobody_will_come),
	};

	return (RUN_TESTS(argc, argv, tests));
}
