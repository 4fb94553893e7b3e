/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines in a segment: what is appended is written in order, across the ring's
 * end too; and from a wreck comes nothing but bounded, clean lines.
 */
#include "shm/line_log.h"
#include "tests/unit/shm/fixture.h"
#include "tests/unit/shm/unit.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOG_SIZE = 4096
};

static struct fixture fixture;

static int
set_up(void **state)
{
	struct segment_geometry geometry = fixture_geometry();

	(void)state;
	geometry.log_size = LOG_SIZE;
	memset(&fixture, 0, sizeof(fixture));
	return (fixture_make(&fixture, &geometry));
}

static int
tear_down(void **state)
{
	(void)state;
	fixture_unmake(&fixture);
	return (0);
}

static bool
append(const char *line, uint64_t request)
{
	return (line_log_append(&fixture.segment, line, strlen(line), request));
}

/* Take up to ${most} bytes of what waits to the end of ${text}. */
static void
take(char *text, size_t most)
{
	struct iovec parts[2];
	size_t length = line_log_waiting(&fixture.segment, parts), i, n;

	if (length > most)
		length = most;
	line_log_writing(&fixture.segment, length);
	for (i = 0, n = length; i < 2 && n > 0; i++) {
		if (parts[i].iov_len > n)
			parts[i].iov_len = n;
		memcpy(
		    text + strlen(text), parts[i].iov_base, parts[i].iov_len);
		n -= parts[i].iov_len;
	}
	line_log_written(&fixture.segment, length);
}

static void
lines_come_out_in_order_round_and_round(void **state)
{
	static char wanted[200000], got[200000];
	char line[64];
	int i;

	(void)state;
	srand(3);
	for (i = 0; i < 3000; i++) {
		(void)snprintf(line, sizeof(line), "line %d %0*d\n", i,
		    rand() % 40 + 1, 7);
		while (!append(line, (uint64_t)i))
			take(got, (size_t)rand() % 1000 + 1);
		(void)strlcat(wanted, line, sizeof(wanted));
		if (rand() % 7 == 0)
			take(got, (size_t)rand() % 600);
	}
	take(got, LOG_SIZE);
	assert_int_equal(line_log_pending(&fixture.segment), 0);
	assert_string_equal(got, wanted);
}

static void
a_full_log_takes_no_part_of_a_line(void **state)
{
	char line[1001], got[2 * LOG_SIZE] = "";
	int i;

	(void)state;
	memset(line, 'x', 1000);
	line[999] = '\n';
	line[1000] = '\0';
	for (i = 0; i < 4; i++)
		assert_true(append(line, 1));
	assert_false(append(line, 2));
	assert_true(append("0123456789\n", 3));
	assert_int_equal(line_log_pending(&fixture.segment), 4011);
	take(got, 1000);
	assert_true(append(line, 4));
}

static void
the_last_request_is_told(void **state)
{
	(void)state;
	assert_false(line_log_tells_of(&fixture.reader, 5));
	assert_true(append("a\n", 5));
	assert_true(line_log_tells_of(&fixture.reader, 5));
	assert_true(append("b\n", 6));
	assert_true(line_log_tells_of(&fixture.reader, 6));
	assert_false(line_log_tells_of(&fixture.reader, 5));
	/* It died within an append: that line isn't there. */
	atomic_store(&fixture.segment.log->last_end, 6);
	atomic_store(&fixture.segment.log->last_request, 7);
	assert_false(line_log_tells_of(&fixture.reader, 6));
	assert_false(line_log_tells_of(&fixture.reader, 7));
}

static void
expect_rescue(const char *lines, size_t doubtful)
{
	size_t length, doubt;
	char *text;

	assert_int_equal(
	    line_log_rescue(&fixture.reader, &text, &length, &doubt), 0);
	assert_int_equal(length, strlen(lines));
	if (length > 0)
		assert_memory_equal(text, lines, length);
	assert_int_equal(doubt, doubtful);
	free(text);
}

static void
what_was_not_written_is_rescued(void **state)
{
	char got[100] = "";

	(void)state;
	expect_rescue("", 0);
	assert_true(append("one\n", 1));
	assert_true(append("two\n", 2));
	assert_true(append("three\n", 3));
	expect_rescue("one\ntwo\nthree\n", 0);
	take(got, 4);
	expect_rescue("two\nthree\n", 0);
	line_log_writing(&fixture.segment, 4);
	expect_rescue("two\nthree\n", 4);
	line_log_written(&fixture.segment, 0); /* it failed */
	expect_rescue("two\nthree\n", 0);
	take(got, 100);
	expect_rescue("", 0);
}

static void
what_something_wrote_over_is_clean_or_refused(void **state)
{
	struct segment_log *log = fixture.segment.log;
	size_t length, doubtful;
	char *text;

	(void)state;
	assert_true(append("a\x1b[2Jb\xff\xc3\xa9\xc2\x85\n", 1));
	expect_rescue("a?[2Jb?\xc3\xa9??\n", 0);
	/* No line's end: one is made. */
	atomic_store(&log->head, 3);
	expect_rescue("a?[\n", 0);
	atomic_store(&log->head, LOG_SIZE + 1);
	assert_int_equal(
	    line_log_rescue(&fixture.reader, &text, &length, &doubtful),
	    -EPROTO);
	assert_null(text);
	atomic_store(&log->head, 3);
	atomic_store(&log->writing, 4);
	assert_int_equal(
	    line_log_rescue(&fixture.reader, &text, &length, &doubtful),
	    -EPROTO);
	atomic_store(&log->written, 4);
	assert_int_equal(
	    line_log_rescue(&fixture.reader, &text, &length, &doubtful),
	    -EPROTO);
}

static void
noise_is_bounded_and_clean(void **state)
{
	struct segment_log *log = fixture.segment.log;
	size_t length, doubtful, i;
	char *text;
	int turn;

	(void)state;
	srand(9);
	for (i = 0; i < LOG_SIZE; i++)
		log->bytes[i] = (uint8_t)rand();
	for (turn = 0; turn < 2000; turn++) {
		atomic_store(&log->written, (uint64_t)rand() % 9000);
		atomic_store(&log->head, (uint64_t)rand() % 9000);
		atomic_store(&log->writing, (uint64_t)rand() % 9000);
		if (line_log_rescue(
			&fixture.reader, &text, &length, &doubtful) != 0 ||
		    length == 0)
			continue;
		assert_in_range(length, 1, LOG_SIZE + 1);
		assert_in_range(doubtful, 0, length);
		assert_int_equal(text[length - 1], '\n');
		for (i = 0; i < length; i++)
			assert_true(text[i] == '\n' || (uint8_t)text[i] >= ' ');
		free(text);
	}
}

static void
characters_of_utf8_are_told_from_others(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{ "a", 1 },
		{ "\xc3\xa9", 2 },
		{ "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\n", 0 },
		{ "\x7f", 0 },
		{ "\x80", 0 },
		{ "\xc0\xaf", 0 },         /* '/' in two bytes */
		{ "\xc2\x9b", 0 },         /* a control character, too */
		{ "\xe0\x80\xaf", 0 },     /* '/' in three */
		{ "\xed\xa0\x80", 0 },     /* half a surrogate pair */
		{ "\xf0\x80\x80\xaf", 0 }, /* '/' in four */
		{ "\xf4\x90\x80\x80", 0 }, /* beyond Unicode */
		{ "\xc3", 0 },
		{ "\xe2\x82", 0 },
		{ "\xc3(", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    line_log_character((const uint8_t *)cases[i].bytes,
			strlen(cases[i].bytes)),
		    cases[i].length);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	LOG_TEST(lines_come_out_in_order_round_and_round),
	LOG_TEST(a_full_log_takes_no_part_of_a_line),
	LOG_TEST(the_last_request_is_told),
	LOG_TEST(what_was_not_written_is_rescued),
	LOG_TEST(what_something_wrote_over_is_clean_or_refused),
	LOG_TEST(noise_is_bounded_and_clean),
	LOG_TEST(characters_of_utf8_are_told_from_others),
};

UNIT_MAIN(tests)
