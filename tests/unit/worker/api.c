/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What modules ask of a context and its request, and the memory that lives as
 * long as it does.
 */
#include "harness.h"

#include "worker/arena.h"
#include "worker/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define S(str) (int)(str).length, (str).data

CALLBACK(tell_request)
{
	struct bh_request *request = bh_context_request(context);
	struct bh_str name, value = { "", 0 };
	size_t i;

	note("%.*s", S(bh_request_method(request)));
	note("%.*s", S(bh_request_url(request)));
	note("%.*s", S(bh_request_path(request)));
	note("<%.*s>", S(bh_request_query(request)));
	note("1.%u", bh_request_http_minor(request));
	note("%d", bh_request_header(request, "x-a", &value));
	note("%.*s", S(value));
	note("%d", bh_request_header(request, "nothing", &value));
	for (i = 0; bh_request_header_at(request, i, &name, &value); i++)
		note("%.*s=%.*s", S(name), S(value));
	return (BH_CONTINUE);
}

TEST(tells_what_the_client_sent)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = tell_request));
	client = client_open(CLIENT_UNIX);
	client_send(client, "OPTIONS /a%20b?c=d HTTP/1.1\r\nHost: h\r\n"
			    "X-A:  one \r\nX-a: two\r\n\r\n");
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(),
	    "OPTIONS /a%20b?c=d /a%20b <c=d> 1.1 1 one 0 Host=h X-A=one "
	    "X-a=two");
}

CALLBACK(tell_address)
{
	uint16_t port = 0;
	struct bh_str address =
	    bh_request_remote_address(bh_context_request(context), &port);

	note("%.*s:%u", S(address), port);
	return (BH_CONTINUE);
}

TEST(tells_the_clients_address)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = tell_address));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "unix:0 127.0.0.1:4711");
}

CALLBACK(tell_remaining)
{
	struct bh_request *request = bh_context_request(context);
	char bytes[3];

	note("%lld", (long long)bh_request_remaining_entity_bytes(request));
	while (bh_request_read_entity_body(
		   request, bytes, sizeof(bytes), false, NULL, NULL) == 0)
		note("%lld",
		    (long long)bh_request_remaining_entity_bytes(request));
	note("%lld", (long long)bh_request_remaining_entity_bytes(request));
	return (BH_CONTINUE);
}

TEST(tells_how_much_of_the_body_remains)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = tell_remaining));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET POST(4) "abcd");
	client_send(client, POST_CHUNKED "2\r\nab\r\n0\r\n\r\n");
	client_expect(client, NOT_FOUND NOT_FOUND NOT_FOUND);
	/* BH_LENGTH_UNKNOWN is -1 here. */
	assert_string_equal(harness_notes(), "0 0 4 1 0 0 -1 -1 0");
}

static uint64_t ids[2];

CALLBACK(keep_id)
{
	ids[0] = ids[1];
	ids[1] = bh_context_request_id(context);
	return (BH_CONTINUE);
}

TEST(each_request_has_an_id_of_its_own)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = keep_id));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET GET);
	client_expect(client, NOT_FOUND NOT_FOUND);
	assert_int_equal(ids[0] >> 32, 7); /* the incarnation */
	assert_int_equal(ids[1], ids[0] + 1);
}

CALLBACK(allocate)
{
	uint8_t *small = bh_context_allocate(context, 1);
	uint8_t *large = bh_context_allocate(context, 1 << 20);
	uint8_t *none = bh_context_allocate(context, SIZE_MAX);

	note("%d %d %d", small != NULL && (uintptr_t)small % 16 == 0,
	    large != NULL && (uintptr_t)large % 16 == 0, none == NULL);
	memset(large, 1, 1 << 20);
	return (BH_CONTINUE);
}

TEST(allocates_for_the_requests_life)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = allocate));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET GET);
	client_expect(client, NOT_FOUND NOT_FOUND);
	assert_string_equal(harness_notes(), "1 1 1 1 1 1");
}

CALLBACK(read_nothing)
{
	char byte;

	note("%d", bh_request_read_entity_body(bh_context_request(context),
		       &byte, 0, false, NULL, NULL));
	return (BH_CONTINUE);
}

TEST(refuses_to_read_no_bytes)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_nothing));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(1) "x");
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "-22");
}

TEST(gives_the_documented_hresults)
{
	assert_int_equal(bh_status_to_hresult(0), 0);
	assert_int_equal(bh_status_to_hresult(-BH_EOF), 0x80070026);
	assert_int_equal(bh_status_to_hresult(-ECONNRESET), 0x80070040);
	assert_int_equal(bh_status_to_hresult(-ECANCELED), 0x800703e3);
	assert_int_equal(bh_status_to_hresult(-12345), 0x80004005);
}

/* --- Handles and objects ------------------------------------------------- */

TEST(a_handle_finds_its_request_and_no_other)
{
	struct worker *worker;
	struct request *request;
	struct client *client;
	struct conn *conn;
	uint64_t handle;

	harness_start();
	worker = harness_worker();
	client = client_open(CLIENT_UNIX);
	conn = client_conn(client);
	request = request_new(worker, conn);
	assert_non_null(request);
	conn->request = request;
	assert_null(request_by_handle(worker, 0));
	request_name(request);
	handle = request->handle;
	assert_ptr_equal(request_by_handle(worker, handle), request);
	assert_null(request_by_handle(worker, handle + 1));
	assert_null(request_by_handle(worker, handle + (1 << 24)));
	assert_null(request_by_handle(worker, UINT64_MAX));
	request_free(request);
	assert_null(request_by_handle(worker, handle));
	/* The same object again is another request. */
	assert_ptr_equal(request_new(worker, conn), request);
	request_name(request);
	assert_null(request_by_handle(worker, handle));
	assert_int_not_equal(request->handle, handle);
	conn->request = NULL;
	request_free(request);
}

TEST(keeps_256_request_objects)
{
	struct request *requests[300];
	struct client *client;
	struct conn *conn;
	size_t i;

	harness_start();
	client = client_open(CLIENT_UNIX);
	conn = client_conn(client);
	for (i = 0; i < 300; i++) {
		requests[i] = request_new(harness_worker(), conn);
		assert_non_null(requests[i]);
	}
	for (i = 0; i < 300; i++)
		request_free(requests[i]);
	assert_int_equal(harness_worker()->free_request_count, 256);
}

/* --- The arena ----------------------------------------------------------- */

TEST(an_arena_gives_aligned_memory_that_does_not_overlap)
{
	struct arena arena;
	uint8_t *pieces[400];
	size_t sizes[400], i, j;

	arena_init(&arena);
	for (i = 0; i < 400; i++) {
		sizes[i] = i * 37 % 3000;
		pieces[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], (int)(i & 0xff), sizes[i]);
	}
	for (i = 0; i < 400; i++)
		for (j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], i & 0xff);
	arena_reset(&arena);
	assert_null(arena.chunks);
}

TEST(an_arena_allocates_nothing_at_first)
{
	struct arena arena;

	arena_init(&arena);
	assert_ptr_equal(arena_alloc(&arena, ARENA_INLINE), arena.first);
	assert_null(arena.chunks);
	assert_non_null(arena_alloc(&arena, 1));
	assert_non_null(arena.chunks);
	arena_reset(&arena);
	assert_ptr_equal(arena_alloc(&arena, 1), arena.first);
	arena_reset(&arena);
}

TEST(a_big_piece_leaves_the_room_of_small_ones)
{
	struct arena arena;
	uint8_t *first, *second;

	arena_init(&arena);
	first = arena_alloc(&arena, 16);
	assert_non_null(arena_alloc(&arena, 100000));
	second = arena_alloc(&arena, 16);
	assert_ptr_equal(second, first + 16);
	arena_reset(&arena);
}

TEST(an_arena_refuses_what_can_not_be)
{
	struct arena arena;
	size_t i;

	arena_init(&arena);
	/* A sanitizer's malloc(3) complains of what can't be. */
	for (i = 0; i < (HARNESS_SANITIZED ? 15 : 40); i++)
		assert_null(arena_alloc(&arena, SIZE_MAX - i));
	assert_null(arena_copy(&arena, "", SIZE_MAX));
	assert_string_equal(arena_copy(&arena, "abcd", 3), "abc");
	assert_string_equal(arena_copy(&arena, NULL, 0), "");
	arena_reset(&arena);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(tells_what_the_client_sent),
	HARNESS_TEST(tells_the_clients_address),
	HARNESS_TEST(tells_how_much_of_the_body_remains),
	HARNESS_TEST(each_request_has_an_id_of_its_own),
	HARNESS_TEST(allocates_for_the_requests_life),
	HARNESS_TEST(refuses_to_read_no_bytes),
	HARNESS_TEST(gives_the_documented_hresults),
	HARNESS_TEST(a_handle_finds_its_request_and_no_other),
	HARNESS_TEST(keeps_256_request_objects),
	HARNESS_TEST(an_arena_gives_aligned_memory_that_does_not_overlap),
	HARNESS_TEST(an_arena_allocates_nothing_at_first),
	HARNESS_TEST(a_big_piece_leaves_the_room_of_small_ones),
	HARNESS_TEST(an_arena_refuses_what_can_not_be),
};

HARNESS_MAIN(tests)
