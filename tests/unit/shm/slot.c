/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connection slots: what the owner writes is what a reader gets, whole.
 */
#include "unit.h"

#include "shm/slot.h"
#include "shm/wreck.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

enum {
	READS = UNIT_SANITIZED ? 20000 : 200000
};

static const struct slot_peer peer = {
	.family = AF_INET,
	.port = 4711,
	.address = { 192, 0, 2, 1 },
};

static struct slot_request
request_of(uint64_t number)
{
	return ((struct slot_request){
	    .request = number,
	    .consumed = number + 1,
	    .written = number + 2,
	    .response_end = number + 3,
	    .buffer = (uint32_t)number,
	    .offset = (uint32_t)number + 1,
	    .flags = SLOT_REPLAYABLE,
	    .started_ns = number + 4,
	});
}

static void
a_connection_is_named_by_slot_and_generation(void **state)
{
	const conn_id id = conn_id_make(0xfffffffe, 0x80000001);

	(void)state;
	assert_int_equal(0xfffffffe, conn_id_slot(id));
	assert_int_equal(0x80000001, conn_id_generation(id));
	assert_true(conn_id_make(0, 1) != 0);
}

static void
an_opened_slot_is_idle_and_has_no_request(void **state)
{
	struct conn_slot slot;
	struct slot_request request;

	(void)state;
	memset(&slot, 0xa5, sizeof(slot)); /* what its last user left */
	slot_open(&slot, 12, &peer, 1000);
	assert_int_equal(SLOT_IDLE, slot_state(&slot));
	assert_int_equal(12, slot_generation(&slot));
	assert_int_equal(1000, slot.accepted_ns);
	assert_int_equal(1000, slot.active_ns);
	assert_int_equal(0, slot.served);
	assert_memory_equal(&peer, &slot.peer, sizeof(peer));
	assert_true(slot_get_request(&slot, &request));
	assert_int_equal(0, request.request);
	assert_int_equal(0, request.buffer);
}

static void
the_state_changes_and_the_generation_stays(void **state)
{
	struct conn_slot slot = { .ctl = 0 };
	enum slot_state wanted;

	(void)state;
	slot_open(&slot, UINT32_MAX, &peer, 1);
	for (wanted = SLOT_FREE; wanted < SLOT_STATES; wanted++) {
		slot_set_state(&slot, wanted, 100 + (uint64_t)wanted);
		assert_int_equal(wanted, slot_state(&slot));
		assert_int_equal(UINT32_MAX, slot_generation(&slot));
		assert_int_equal(100 + (uint64_t)wanted, slot.active_ns);
	}
}

static void
a_state_that_there_isnt_is_told_as_such(void **state)
{
	struct conn_slot slot = { .ctl = 0xff };

	(void)state;
	assert_int_equal(SLOT_STATES, slot_state(&slot));
	slot.ctl = SLOT_STATES;
	assert_int_equal(SLOT_STATES, slot_state(&slot));
}

static void
a_request_replaces_the_other_only_as_a_whole(void **state)
{
	struct conn_slot slot = { .ctl = 0 };
	struct slot_request request, first = request_of(1);
	struct slot_request second = request_of(2);
	uint32_t current;

	(void)state;
	slot_open(&slot, 1, &peer, 1);
	slot_set_request(&slot, &first);
	current = slot.current;
	/* The owner dies after it has written half of the next place. */
	memcpy(&slot.requests[(current + 1) & 1], &second, sizeof(second) / 2);
	assert_true(slot_get_request(&slot, &request));
	assert_memory_equal(&first, &request, sizeof(first));
	slot_set_request(&slot, &second);
	assert_int_equal(current + 1, slot.current);
	assert_true(slot_get_request(&slot, &request));
	assert_memory_equal(&second, &request, sizeof(second));
}

static void
the_count_of_requests_may_wrap(void **state)
{
	struct conn_slot slot = { .current = UINT32_MAX };
	struct slot_request request, wanted = request_of(5);

	(void)state;
	slot_set_request(&slot, &wanted);
	assert_int_equal(0, slot.current);
	assert_true(slot_get_request(&slot, &request));
	assert_memory_equal(&wanted, &request, sizeof(wanted));
}

/* A slot and the thread that writes it until it is told to stop. */
struct scribe {
	struct conn_slot slot;
	_Atomic bool stop;
};

static void *
change_all_the_time(void *argument)
{
	struct scribe *scribe = argument;
	struct slot_request request;
	uint64_t i;

	for (i = 1; !atomic_load(&scribe->stop); i++) {
		request = request_of(i);
		slot_set_request(&scribe->slot, &request);
	}
	return (NULL);
}

static void
a_reader_never_sees_a_torn_request(void **state)
{
	struct scribe scribe = { .stop = false };
	struct slot_request request = request_of(0), wanted;
	pthread_t writer;
	uint64_t last = 0;
	int reads = 0;

	(void)state;
	slot_open(&scribe.slot, 1, &peer, 1);
	slot_set_request(&scribe.slot, &request);
	assert_int_equal(
	    0, pthread_create(&writer, NULL, change_all_the_time, &scribe));
	while (reads < READS) {
		/* Too busy a writer is told, not waited for. */
		if (!slot_get_request(&scribe.slot, &request)) {
			sched_yield();
			continue;
		}
		wanted = request_of(request.request);
		assert_memory_equal(&wanted, &request, sizeof(wanted));
		assert_true(request.request >= last);
		last = request.request;
		reads++;
	}
	atomic_store(&scribe.stop, true);
	assert_int_equal(0, pthread_join(writer, NULL));
}

/* Two connections by turns, each in a state of its own. */
static void *
change_hands_all_the_time(void *argument)
{
	struct scribe *scribe = argument;
	uint64_t i;

	for (i = 0; !atomic_load(&scribe->stop); i++)
		atomic_store_explicit(&scribe->slot.ctl,
		    i % 2 == 0 ? UINT64_C(1) << 32 | SLOT_READING
			       : UINT64_C(2) << 32 | SLOT_HANDLING,
		    memory_order_release);
	return (NULL);
}

static void
a_reader_never_sees_anothers_state(void **state)
{
	struct scribe scribe = { .stop = false };
	const struct segment wreck = {
		.geometry = { .slots = 1, .buffers = 1, .buffer_size = 4096 },
		.slots = &scribe.slot,
	};
	struct slot_request request;
	enum slot_state seen;
	uint32_t generation;
	pthread_t writer;
	int reads;

	(void)state;
	slot_open(&scribe.slot, 1, &peer, 1);
	slot_set_state(&scribe.slot, SLOT_READING, 1);
	assert_int_equal(0,
	    pthread_create(&writer, NULL, change_hands_all_the_time, &scribe));
	for (reads = 0; reads < 10 * READS; reads++) {
		seen = slot_identity(&scribe.slot, &generation);
		assert_int_equal(
		    generation == 1 ? SLOT_READING : SLOT_HANDLING, seen);
		if (wreck_slot(&wreck, 0, 1, &seen, &request))
			assert_int_equal(SLOT_READING, seen);
	}
	atomic_store(&scribe.stop, true);
	assert_int_equal(0, pthread_join(writer, NULL));
}

static const char line[] = "GET /path/of/a/page?with=a&long=query HTTP/1.1\r\n"
			   "Cookie: secret\r\n\r\n";

static void
the_text_ends_where_it_was_said_to(void **state)
{
	struct conn_slot slot = { .ctl = 0 };
	struct slot_sight sight;
	size_t length;
	char wanted[64];

	(void)state;
	slot_open(&slot, 1, &peer, 1);
	for (length = 60; length-- > 0;) {
		slot_set_text(&slot, line, length);
		assert_true(slot_look(&slot, 3, &sight));
		memset(wanted, 0, sizeof(wanted));
		memcpy(wanted, line, length > 48 ? 48 : length);
		assert_string_equal(wanted, sight.text);
	}
}

static void
a_sight_tells_all(void **state)
{
	struct conn_slot slot = { .ctl = 0 };
	const struct slot_request request = request_of(77);
	struct slot_sight sight;

	(void)state;
	assert_false(slot_look(&slot, 3, &sight));
	slot_open(&slot, 5, &peer, 1000);
	slot_set_request(&slot, &request);
	slot_set_state(&slot, SLOT_HANDLING, 2000);
	assert_true(slot_look(&slot, 3, &sight));
	assert_true(sight.conn == conn_id_make(3, 5));
	assert_int_equal(SLOT_HANDLING, sight.state);
	assert_memory_equal(&peer, &sight.peer, sizeof(peer));
	assert_int_equal(77, sight.request.request);
	assert_int_equal(1000, sight.accepted_ns);
	assert_int_equal(2000, sight.active_ns);
	assert_false(sight.waits);
	slot_wait(&slot, slot_waiting_pack(0, 14, OPERATION_FLUSH), 3000);
	assert_true(slot_look(&slot, 3, &sight));
	assert_true(sight.waits);
	assert_int_equal(0, sight.module);
	assert_int_equal(14, sight.step);
	assert_int_equal(OPERATION_FLUSH, sight.op);
	assert_int_equal(3000, sight.waiting_ns);
	slot_go_on(&slot);
	assert_true(slot_look(&slot, 3, &sight));
	assert_false(sight.waits);
	slot_set_state(&slot, SLOT_FREE, 4000);
	assert_false(slot_look(&slot, 3, &sight));
}

/* A request's text is never shown with another's id. */
static void *
serve_all_the_time(void *argument)
{
	struct scribe *s = argument;
	struct slot_request request = { 0 };
	uint64_t text[SLOT_TEXT_WORDS + 1] = { 0 }, number;
	size_t i;

	for (number = 1; !atomic_load(&s->stop); number++) {
		slot_set_request(&s->slot, &request); /* none */
		for (i = 0; i < SLOT_TEXT_WORDS; i++)
			text[i] = number | UINT64_C(0x8000000000000000);
		slot_set_text(&s->slot, text, sizeof(text) - 8);
		request.request = number;
		slot_set_request(&s->slot, &request);
		request.request = 0;
	}
	return (NULL);
}

static void
a_reader_never_sees_another_requests_text(void **state)
{
	static struct scribe scribe;
	struct slot_sight sight;
	pthread_t writer;
	uint64_t word;
	size_t i, reads = 0;

	(void)state;
	slot_open(&scribe.slot, 1, &peer, 1);
	assert_int_equal(
	    0, pthread_create(&writer, NULL, serve_all_the_time, &scribe));
	while (reads < READS) {
		if (!slot_look(&scribe.slot, 0, &sight)) {
			sched_yield();
			continue;
		}
		reads++;
		for (i = 0; sight.request.request != 0 && i < SLOT_TEXT_WORDS;
		     i++) {
			memcpy(&word, sight.text + i * 8, sizeof(word));
			assert_true(
			    (word & INT64_MAX) == sight.request.request);
		}
	}
	atomic_store(&scribe.stop, true);
	assert_int_equal(0, pthread_join(writer, NULL));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_connection_is_named_by_slot_and_generation),
	cmocka_unit_test(an_opened_slot_is_idle_and_has_no_request),
	cmocka_unit_test(the_state_changes_and_the_generation_stays),
	cmocka_unit_test(a_state_that_there_isnt_is_told_as_such),
	cmocka_unit_test(a_request_replaces_the_other_only_as_a_whole),
	cmocka_unit_test(the_count_of_requests_may_wrap),
	cmocka_unit_test(a_reader_never_sees_a_torn_request),
	cmocka_unit_test(a_reader_never_sees_anothers_state),
	cmocka_unit_test(the_text_ends_where_it_was_said_to),
	cmocka_unit_test(a_sight_tells_all),
	cmocka_unit_test(a_reader_never_sees_another_requests_text),
};

UNIT_MAIN(tests)
