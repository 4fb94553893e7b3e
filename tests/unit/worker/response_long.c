/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long responses: buffered, unbuffered, in many pieces, through sockets that
 * take little at a time.
 */
#include "harness.h"

#include "shm/stats.h"

#include <string.h>
#include <sys/socket.h>

/* What the handler of this test's requests does. */
static void (*handler)(struct bh_context *context);

CALLBACK(handle)
{
	handler(context);
	return (BH_CONTINUE);
}

static struct client *
serve(void (*function)(struct bh_context *))
{
	handler = function;
	harness_serve(OPS(.on_begin_request = handle));
	return (client_open(CLIENT_UNIX));
}

static int
header(struct bh_context *context, const char *name, const char *value)
{
	return (bh_response_set_header(
	    bh_context_response(context), name, value, true));
}

static void
say_hello(struct bh_context *context)
{
	answer(context, "hello");
}

enum {
	MUCH = 24 << 20
};
static uint8_t much[MUCH];

static void
fill_much(void)
{
	uint32_t i;

	for (i = 0; i < MUCH; i++)
		much[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

/* In pieces, as buffered writes. */
static void
write_much(struct bh_context *context)
{
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, much, 100000 };
	size_t sent;
	int error;

	for (; chunk.buffer < (const void *)(much + MUCH);
	     chunk.buffer = (const uint8_t *)chunk.buffer + chunk.length) {
		if (chunk.length >
		    (size_t)(much + MUCH - (const uint8_t *)chunk.buffer))
			chunk.length = (size_t)(much + MUCH -
						(const uint8_t *)chunk.buffer);
		error = bh_response_write_entity_chunks(
		    bh_context_response(context), &chunk, 1, false, true, &sent,
		    NULL);
		if (error != 0 || sent != chunk.length)
			note("%d,%zu", error, sent);
	}
}

static void
write_much_of_known_length(struct bh_context *context)
{
	(void)header(context, "Content-Length", "25165824");
	write_much(context);
}

/* At once, where it lies. */
static void
write_much_unbuffered(struct bh_context *context)
{
	struct bh_data_chunk chunks[3] = {
		{ BH_CHUNK_MEMORY, much, MUCH / 2 },
		{ BH_CHUNK_MEMORY, much, 0 },
		{ BH_CHUNK_MEMORY, much + MUCH / 2, MUCH / 2 },
	};
	size_t sent = 0;

	(void)header(context, "Content-Length", "25165824");
	(void)bh_response_disable_buffering(bh_context_response(context));
	note("%d", bh_response_write_entity_chunks(bh_context_response(context),
		       chunks, 3, false, true, &sent, NULL));
	note("%zu", sent);
}

static struct client *
slow_client(enum client_kind kind)
{
	struct client *client = client_new(kind);
	int size = 4096;

	assert_int_equal(setsockopt(client->kept, SOL_SOCKET, SO_SNDBUF, &size,
			     sizeof(size)),
	    0);
	client_hand_over(client);
	harness_run();
	return (client);
}

TEST(flushes_beyond_4_mib_of_buffered_body)
{
	struct client *client;
	size_t head;

	fill_much();
	(void)serve(write_much);
	client = slow_client(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	/* The callback waits upon its parked stack. */
	assert_int_equal(harness_stat(STAT_stacks_parked), 1);
	client_take(client, MUCH);
	client_read(client);
	head = (size_t)((uint8_t *)memmem(client->bytes, 1000, "\r\n\r\n", 4) -
			(uint8_t *)client->bytes) +
	       4;
	/* 42 writes make more than 4 MiB: the first chunk's size. */
	assert_memory_equal(client->bytes + head, "401640\r\n", 8);
	assert_memory_equal(client->bytes + head + 8, much, 4200000);
	assert_memory_equal(
	    client->bytes + client->length - 7, "\r\n0\r\n\r\n", 7);
	assert_string_equal(harness_notes(), "");
}

static void
expect_much(struct client *client)
{
	uint8_t *end;

	client_send(client, GET);
	client_take(client, MUCH + 50);
	client_read(client);
	end = memmem(client->bytes, 1000, "\r\n\r\n", 4);
	assert_non_null(end);
	end += 4;
	assert_int_equal(
	    client->length - (size_t)(end - (uint8_t *)client->bytes), MUCH);
	assert_memory_equal(end, much, MUCH);
	client_forget(client);
}

TEST(sends_24_mib_through_a_small_socket)
{
	struct client *client;

	fill_much();
	(void)serve(write_much_of_known_length);
	client = slow_client(CLIENT_UNIX);
	expect_much(client);
	handler = say_hello;
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "");
}

TEST(sends_24_mib_over_tcp)
{
	struct client *client;

	fill_much();
	(void)serve(write_much_of_known_length);
	client = client_open(CLIENT_TCP);
	expect_much(client);
	assert_string_equal(harness_notes(), "");
}

TEST(sends_unbuffered_from_where_it_lies)
{
	struct client *client;

	fill_much();
	(void)serve(write_much_unbuffered);
	client = slow_client(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	/* Not one byte was copied: what isn't sent yet may still change. */
	assert_int_equal(harness_stat(STAT_stacks_parked), 1);
	much[MUCH - 1] = 'Z';
	client_take(client, MUCH + 50);
	client_read(client);
	assert_int_equal((uint8_t)client->bytes[client->length - 1], 'Z');
	assert_string_equal(harness_notes(), "0 25165824");
}

static void
write_2000_pieces(struct bh_context *context)
{
	struct bh_data_chunk *chunks;
	size_t i;

	chunks = bh_context_allocate(context, 2000 * sizeof(*chunks));
	for (i = 0; i < 2000; i++)
		chunks[i] =
		    (struct bh_data_chunk){ BH_CHUNK_MEMORY, much + i, 1 };
	(void)bh_response_disable_buffering(bh_context_response(context));
	note("%d", bh_response_write_entity_chunks(bh_context_response(context),
		       chunks, 2000, false, false, NULL, NULL));
}

TEST(sends_more_pieces_than_one_call_takes)
{
	struct client *client;

	fill_much();
	client = serve(write_2000_pieces);
	client_send(client, GET);
	client_take(client, 2000);
	client_read(client);
	assert_string_equal(harness_notes(), "0");
	assert_memory_equal(client->bytes + client->length - 2000, much, 2000);
	assert_non_null(memmem(
	    client->bytes, client->length, "Content-Length: 2000\r\n", 22));
}

static void
write_bad_chunks(struct bh_context *context)
{
	struct bh_data_chunk chunks[2] = {
		{ BH_CHUNK_MEMORY, "x", SIZE_MAX },
		{ BH_CHUNK_MEMORY, "x", 2 },
	};

	note("%d", bh_response_write_entity_chunks(bh_context_response(context),
		       chunks, 2, false, true, NULL, NULL));
	chunks[0].type = (enum bh_chunk_type)7;
	note("%d", bh_response_write_entity_chunks(bh_context_response(context),
		       chunks, 1, false, true, NULL, NULL));
	/* A sanitizer's malloc(3) complains of what can't be. */
	chunks[0] =
	    (struct bh_data_chunk){ BH_CHUNK_MEMORY, "x", SIZE_MAX / 2 };
	if (HARNESS_SANITIZED)
		note("-12");
	else
		note("%d", bh_response_write_entity_chunks(
			       bh_context_response(context), chunks, 1, false,
			       true, NULL, NULL));
	answer(context, "hello");
}

TEST(refuses_chunks_that_can_not_be)
{
	struct client *client = serve(write_bad_chunks);

	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "-22 -22 -12");
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(flushes_beyond_4_mib_of_buffered_body),
	HARNESS_TEST(sends_24_mib_through_a_small_socket),
	HARNESS_TEST(sends_24_mib_over_tcp),
	HARNESS_TEST(sends_unbuffered_from_where_it_lies),
	HARNESS_TEST(sends_more_pieces_than_one_call_takes),
	HARNESS_TEST(refuses_chunks_that_can_not_be),
};

HARNESS_MAIN(tests)
