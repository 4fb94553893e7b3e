/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine alone: kernel events become completions, one for each operation,
 * and none for what was taken back. The rest of the worker isn't there.
 */
#include "harness.h"

#include "shm/base/fd.h"
#include "worker/engine.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	struct segment segment;
	struct ring ring;
	struct ring_consumer consumer;
	struct ring_producer producer;
	struct engine *engine;
	uint64_t now_ns;
	int wake_fd;
	int link[2];
	int ends[2];     /* a connection: the engine's end and the client's */
	unsigned places; /* that take_place() may still give */
	unsigned taken, returned, link_calls;
	char place[64];
} rig;

enum {
	SLOT = 3
};

static bool
take_place(void *argument, uint32_t slot, void **ret_place, size_t *ret_size)
{
	(void)argument;
	assert_int_equal(slot, SLOT);
	if (rig.places == 0)
		return (false);
	rig.places--;
	rig.taken++;
	*ret_place = rig.place;
	*ret_size = sizeof(rig.place);
	return (true);
}

static void
return_place(void *argument, uint32_t slot)
{
	(void)argument;
	(void)slot;
	rig.places++;
	rig.returned++;
}

static void
on_link(void *argument)
{
	char byte;

	(void)argument;
	rig.link_calls++;
	(void)recv(rig.link[1], &byte, 1, MSG_DONTWAIT);
}

static void
connect_slot(uint32_t generation)
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		rig.ends),
	    0);
	assert_int_equal(
	    engine_add(rig.engine, conn_id_make(SLOT, generation), rig.ends[0]),
	    0);
}

static void
disconnect_slot(void)
{
	engine_remove(rig.engine, SLOT);
	fd_close(&rig.ends[0]);
	fd_close(&rig.ends[1]);
}

static int
set_up(void **state)
{
	static const struct segment_geometry geometry = {
		.records = SEGMENT_RECORDS_MIN,
		.entries_log2 = 12,
		.producers = 8,
		.slots = 8,
		.buffers = 1,
		.buffer_size = 4096,
		.modules = 1,
	};
	static const char *const names[] = { "m" };
	struct engine_config config = {
		.consumer = &rig.consumer,
		.producer = &rig.producer,
		.slots = 8,
		.now_ns = &rig.now_ns,
		.take_place = take_place,
		.return_place = return_place,
		.link_readable = on_link,
	};
	struct segment_fds fds;

	(void)state;
	memset(&rig, 0, sizeof(rig));
	rig.places = 1;
	assert_int_equal(segment_create(&geometry, 1, 1, names, &fds), 0);
	assert_int_equal(segment_allocate(&fds), 0);
	assert_int_equal(segment_map_worker(&fds, &rig.segment), 0);
	rig.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rig.link), 0);
	ring_init(&rig.ring, &rig.segment, rig.wake_fd);
	ring_producer_init(&rig.producer, &rig.ring, PRODUCER_DISPATCH);
	assert_int_equal(ring_consumer_init(&rig.consumer, &rig.ring), 0);
	config.wake_fd = rig.wake_fd;
	config.link_fd = rig.link[1];
	assert_int_equal(engine_create(&config, &rig.engine), 0);
	connect_slot(1);
	return (0);
}

static int
tear_down(void **state)
{
	(void)state;
	disconnect_slot();
	engine_free(rig.engine);
	ring_consumer_free(&rig.consumer);
	segment_unmap(&rig.segment);
	fd_close(&rig.wake_fd);
	fd_close(&rig.link[0]);
	fd_close(&rig.link[1]);
	return (0);
}

/* Turns of the engine, then the next completion, or ref 0. */
static struct completion
next(void)
{
	struct completion completion = { 0 };
	int i;

	for (i = 0; i < 4; i++)
		engine_poll(rig.engine, 0);
	if (ring_consume(&rig.consumer, &completion))
		ring_release(&rig.consumer, completion.ref);
	return (completion);
}

static ring_ref
reserve(void)
{
	ring_ref ref = 0;

	assert_int_equal(
	    ring_reserve(&rig.consumer, CREDIT_NORMAL,
		OPERATION_READ_ENTITY_BODY, conn_id_make(SLOT, 1), 77, &ref),
	    0);
	return (ref);
}

static void
say(const char *text)
{
	assert_int_equal(write(rig.ends[1], text, strlen(text)), strlen(text));
}

TEST(a_receive_never_completes_inside_the_call)
{
	struct completion completion;
	char bytes[8];
	ring_ref ref = reserve();

	say("abc");
	engine_poll(rig.engine, 0);
	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), ref);
	assert_false(ring_consume(&rig.consumer, &completion));
	assert_true(engine_ready(rig.engine));
	completion = next();
	assert_int_equal(completion.ref, ref);
	assert_int_equal(completion.token, 77);
	assert_int_equal(completion.bytes, 3);
	assert_int_equal(completion.status, 0);
	assert_false(engine_ready(rig.engine));
}

TEST(a_receive_without_a_place_borrows_one_when_bytes_come)
{
	struct completion completion;

	engine_receive(rig.engine, SLOT, NULL, 0, 0);
	assert_int_equal(next().ref, 0);
	assert_int_equal(rig.taken, rig.returned);
	say("abc");
	completion = next();
	assert_int_equal(completion.op, OPERATION_CONN_RECEIVED);
	assert_int_equal(completion.conn, conn_id_make(SLOT, 1));
	assert_int_equal(completion.bytes, 3);
	assert_memory_equal(rig.place, "abc", 3);
	assert_int_equal(rig.places, 0);
}

TEST(a_starved_receive_goes_on_when_a_place_is_free)
{
	rig.places = 0;
	engine_receive(rig.engine, SLOT, NULL, 0, 0);
	say("abc");
	assert_int_equal(next().ref, 0);
	assert_false(engine_ready(rig.engine));
	rig.places = 1;
	engine_place_free(rig.engine);
	assert_int_equal(next().bytes, 3);
}

TEST(the_peers_fin_is_0_bytes)
{
	struct completion completion;
	char bytes[8];

	(void)shutdown(rig.ends[1], SHUT_WR);
	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), 0);
	completion = next();
	assert_int_equal(completion.op, OPERATION_CONN_RECEIVED);
	assert_int_equal(completion.bytes, 0);
	assert_int_equal(completion.status, 0);
}

TEST(bytes_before_the_fin_come_first)
{
	char bytes[8];

	say("abcdefghij");
	(void)shutdown(rig.ends[1], SHUT_WR);
	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), 0);
	assert_int_equal(next().bytes, 8);
	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), 0);
	assert_int_equal(next().bytes, 2);
	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), 0);
	assert_int_equal(next().op, OPERATION_CONN_RECEIVED);
}

TEST(an_abandoned_receive_takes_no_byte)
{
	char bytes[8];

	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), 0);
	assert_true(engine_abandon(rig.engine, SLOT));
	assert_false(engine_abandon(rig.engine, SLOT));
	say("abc");
	assert_int_equal(next().ref, 0);
	assert_int_equal(recv(rig.ends[0], bytes, sizeof(bytes), 0), 3);
}

TEST(a_failed_receive_completes_with_its_status)
{
	struct completion completion;
	char bytes[8];
	ring_ref ref = reserve();

	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), ref);
	engine_fail(rig.engine, SLOT, -ETIMEDOUT);
	completion = next();
	assert_int_equal(completion.ref, ref);
	assert_int_equal(completion.status, -ETIMEDOUT);
	say("abc");
	assert_int_equal(next().ref, 0);
}

static uint8_t much[1 << 20], received[1 << 20];

TEST(a_long_send_goes_on_by_itself)
{
	struct iovec iov[3] = {
		{ much, 1000 },
		{ much + 1000, 1 },
		{ much + 1001, sizeof(much) - 1001 },
	};
	struct completion completion = { 0 };
	size_t total = 0, i;
	ssize_t got;

	for (i = 0; i < sizeof(much); i++)
		much[i] = (uint8_t)(i ^ i >> 8);
	engine_send_rest(rig.engine, SLOT, iov, 3, 0, 0);
	while (completion.ref == 0) {
		completion = next();
		while ((got = recv(rig.ends[1], received + total,
			    sizeof(received) - total, 0)) > 0)
			total += (size_t)got;
	}
	assert_int_equal(completion.op, OPERATION_CONN_SENT);
	assert_int_equal(completion.bytes, sizeof(much));
	assert_int_equal(completion.status, 0);
	assert_int_equal(total, sizeof(much));
	assert_memory_equal(received, much, sizeof(much));
}

TEST(a_send_counts_what_was_sent_before)
{
	struct iovec iov = { much, 10 };

	engine_send_rest(rig.engine, SLOT, &iov, 1, 90, 0);
	assert_int_equal(next().bytes, 100);
}

TEST(a_failed_send_completes_with_its_status)
{
	struct iovec iov = { much, sizeof(much) };
	struct completion completion;

	engine_send_rest(rig.engine, SLOT, &iov, 1, 0, 0);
	assert_int_equal(next().ref, 0);
	engine_fail(rig.engine, SLOT, -ETIMEDOUT);
	completion = next();
	assert_int_equal(completion.status, -ETIMEDOUT);
	assert_in_range(completion.bytes, 1, sizeof(much) - 1);
}

TEST(a_send_to_nobody_is_a_reset)
{
	struct iovec iov = { much, 10 };
	struct completion completion;

	fd_close(&rig.ends[1]);
	assert_int_equal(engine_send(rig.engine, SLOT, &iov, 1), -ECONNRESET);
	engine_send_rest(rig.engine, SLOT, &iov, 1, 0, 0);
	completion = next();
	assert_int_equal(completion.status, -ECONNRESET);
}

/* A slot that waits for its turn is another connection when it comes. */
TEST(a_slots_next_life_gets_nothing_of_the_last)
{
	struct completion completion;
	char bytes[8], other[8];

	say("old");
	engine_poll(rig.engine, 0);
	engine_receive(rig.engine, SLOT, bytes, sizeof(bytes), 0);
	assert_true(engine_ready(rig.engine));
	disconnect_slot();
	connect_slot(2);
	engine_receive(rig.engine, SLOT, other, sizeof(other), 0);
	assert_int_equal(next().ref, 0);
	say("new");
	completion = next();
	assert_int_equal(completion.conn, conn_id_make(SLOT, 2));
	assert_memory_equal(other, "new", 3);
	assert_int_equal(next().ref, 0);
}

/* The master's messages wait while their completions would find no record. */
TEST(the_link_is_left_alone_while_records_are_few)
{
	ring_ref refs[SEGMENT_RECORDS_MIN];
	unsigned count = 0;

	while (ring_reserve(&rig.consumer, CREDIT_CONTROL, OPERATION_POST, 0, 0,
		   &refs[count]) == 0)
		count++;
	assert_int_equal(send(rig.link[0], "x", 1, 0), 1);
	assert_int_equal(next().ref, 0);
	assert_int_equal(rig.link_calls, 0);
	while (count > 0)
		assert_true(ring_cancel(&rig.consumer, refs[--count]));
	assert_int_equal(next().ref, 0);
	assert_int_equal(rig.link_calls, 1);
	engine_link_gone(rig.engine);
	assert_int_equal(send(rig.link[0], "x", 1, 0), 1);
	assert_int_equal(next().ref, 0);
	assert_int_equal(rig.link_calls, 1);
}

#define RIG_TEST(function) \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	RIG_TEST(a_receive_never_completes_inside_the_call),
	RIG_TEST(a_receive_without_a_place_borrows_one_when_bytes_come),
	RIG_TEST(a_starved_receive_goes_on_when_a_place_is_free),
	RIG_TEST(the_peers_fin_is_0_bytes),
	RIG_TEST(bytes_before_the_fin_come_first),
	RIG_TEST(an_abandoned_receive_takes_no_byte),
	RIG_TEST(a_failed_receive_completes_with_its_status),
	RIG_TEST(a_long_send_goes_on_by_itself),
	RIG_TEST(a_send_counts_what_was_sent_before),
	RIG_TEST(a_failed_send_completes_with_its_status),
	RIG_TEST(a_send_to_nobody_is_a_reset),
	RIG_TEST(a_slots_next_life_gets_nothing_of_the_last),
	RIG_TEST(the_link_is_left_alone_while_records_are_few),
};

HARNESS_MAIN(tests)
