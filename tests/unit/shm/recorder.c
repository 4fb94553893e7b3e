/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder: the newest entries, in order, each whole or absent.
 */
#include "fixture.h"
#include "unit.h"

#include "shm/recorder.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	READS = UNIT_SANITIZED ? 200 : 2000
};

static struct completion
completion_of(uint64_t number)
{
	return ((struct completion){
	    .conn = number,
	    .token = ~number,
	    .time_ns = number + 1,
	    .bytes = (int64_t)number,
	    .status = -(int32_t)(number & 0xffff),
	    .op = (uint16_t)(number % 20),
	    .completer = (uint16_t)(number % 60),
	});
}

static void
write_entries(struct fixture *f, uint64_t from, uint64_t to)
{
	struct completion completion;

	for (; from < to; from++) {
		completion = completion_of(from);
		recorder_write(&f->segment, &completion);
	}
}

/* Entry ${number}, told whole. */
static void
expect_entry(const struct recorder_entry *entry, uint64_t number)
{
	assert_int_equal(number + 1, entry->sequence);
	assert_int_equal(number, entry->conn);
	assert_true(entry->token == ~number);
	assert_int_equal(number + 1, entry->time_ns);
	assert_int_equal(number, entry->bytes);
	assert_int_equal(-(int32_t)(number & 0xffff), entry->status);
	assert_int_equal(number % 20, entry->op);
	assert_int_equal(number % 60, entry->completer);
}

static void
the_newest_entries_come_oldest_first(void **state)
{
	struct fixture *f = *state;
	struct recorder_entry entries[8];
	size_t i;

	assert_int_equal(0, recorder_read(&f->reader, 8, entries));
	write_entries(f, 0, 5);
	assert_int_equal(5, recorder_read(&f->reader, 8, entries));
	for (i = 0; i < 5; i++)
		expect_entry(&entries[i], i);
	write_entries(f, 5, 3 * SEGMENT_RECORDER + 7);
	assert_int_equal(8, recorder_read(&f->reader, 8, entries));
	for (i = 0; i < 8; i++)
		expect_entry(&entries[i], 3 * SEGMENT_RECORDER - 1 + i);
	assert_int_equal(0, recorder_read(&f->reader, 0, entries));
}

static void
a_full_recorder_gives_all_it_holds_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct recorder_entry *entries;
	size_t i;

	entries = calloc(SEGMENT_RECORDER, sizeof(*entries));
	assert_non_null(entries);
	write_entries(f, 0, SEGMENT_RECORDER + 100);
	assert_int_equal(
	    SEGMENT_RECORDER, recorder_read(&f->reader, SIZE_MAX, entries));
	for (i = 0; i < SEGMENT_RECORDER; i++)
		expect_entry(&entries[i], 100 + i);
	free(entries);
}

static void
an_entry_that_was_being_written_at_death_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct recorder_entry entries[8];

	write_entries(f, 0, SEGMENT_RECORDER + 4);
	/* It died while it wrote over entry 4 and before it counted it. */
	atomic_store(&f->segment.recorder[4].sequence, 0);
	assert_int_equal(4, recorder_read(&f->reader, 4, entries));
	expect_entry(&entries[3], SEGMENT_RECORDER + 3);
	/* Or between two entries' bytes, by a store that isn't ours. */
	atomic_store(&f->segment.recorder[2].sequence, 0xdead);
	assert_int_equal(3, recorder_read(&f->reader, 4, entries));
	expect_entry(&entries[0], SEGMENT_RECORDER);
	expect_entry(&entries[1], SEGMENT_RECORDER + 1);
	expect_entry(&entries[2], SEGMENT_RECORDER + 3);
}

static void
a_count_that_cannot_be_true_yields_nothing(void **state)
{
	struct fixture *f = *state;
	const uint64_t counts[] = { UINT64_MAX, UINT64_C(1) << 63, 500000 };
	struct recorder_entry entries[8];
	size_t i;

	write_entries(f, 0, 100);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		atomic_store(&f->segment.consumer->recorder_next, counts[i]);
		assert_int_equal(0, recorder_read(&f->reader, 8, entries));
	}
}

/* A fixture and the thread that writes it until it is told to stop. */
struct scribe {
	struct fixture *fixture;
	_Atomic bool stop;
};

static void *
write_all_the_time(void *argument)
{
	struct scribe *scribe = argument;
	uint64_t i;

	for (i = 0; !atomic_load(&scribe->stop); i++)
		write_entries(scribe->fixture, i, i + 1);
	return (NULL);
}

static void
a_reader_never_sees_a_torn_entry(void **state)
{
	struct scribe scribe = { .fixture = *state };
	struct recorder_entry *entries;
	size_t count, i, reads;
	pthread_t writer;

	entries = calloc(SEGMENT_RECORDER, sizeof(*entries));
	assert_non_null(entries);
	assert_int_equal(
	    0, pthread_create(&writer, NULL, write_all_the_time, &scribe));
	for (reads = 0; reads < READS; reads++) {
		/*
		 * All of it: the oldest entries are those that are being
		 * written over. And by the writer's own mapping, for
		 * ThreadSanitizer.
		 */
		count = recorder_read(
		    &scribe.fixture->segment, SEGMENT_RECORDER, entries);
		for (i = 0; i < count; i++) {
			expect_entry(&entries[i], entries[i].sequence - 1);
			assert_true(i == 0 || entries[i].sequence >
						  entries[i - 1].sequence);
		}
	}
	atomic_store(&scribe.stop, true);
	assert_int_equal(0, pthread_join(writer, NULL));
	free(entries);
}

#define RECORDER_TEST(function)          \
	cmocka_unit_test_setup_teardown( \
	    function, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	RECORDER_TEST(the_newest_entries_come_oldest_first),
	RECORDER_TEST(a_full_recorder_gives_all_it_holds_and_no_more),
	RECORDER_TEST(an_entry_that_was_being_written_at_death_is_left_out),
	RECORDER_TEST(a_count_that_cannot_be_true_yields_nothing),
	RECORDER_TEST(a_reader_never_sees_a_torn_entry),
};

UNIT_MAIN(tests)
