/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a dead worker left of its access log, when it died within its write(2):
 * whatever part of it is in the file, each line is there once afterwards.
 */
#include "master/access_log.h"
#include "master/pool.h"
#include "tests/unit/master/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char lines[] = "first line\nsecond line\nthird line\n";

static char path[64];
static struct pool pool;

static int
set_up(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/bulkhead-rest-XXXXXX");
	if ((fd = mkstemp(path)) == -1)
		return (-1);
	(void)close(fd);
	memset(&pool, 0, sizeof(pool));
	pool.log.kind = LOG_KIND_FILE;
	pool.log.fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	return (pool.log.fd == -1 ? -1 : 0);
}

static int
tear_down(void **state)
{
	(void)state;
	(void)close(pool.log.fd);
	return (unlink(path));
}

static void
write_text(const char *text, size_t length)
{
	assert_int_equal(write(pool.log.fd, text, length), length);
}

/* The worker is dead: its ${doubtful} first bytes may be there. */
static void
put(size_t doubtful)
{
	struct access_rest rest = { .length = sizeof(lines) - 1,
		.doubtful = doubtful };

	rest.lines = strdup(lines);
	assert_non_null(rest.lines);
	access_log_put(&pool, &rest);
	assert_null(rest.lines);
}

static void
expect(const char *text)
{
	char bytes[512];
	ssize_t length;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	length = read(fd, bytes, sizeof(bytes) - 1);
	(void)close(fd);
	assert_in_range(length, 0, sizeof(bytes) - 1);
	bytes[length] = '\0';
	assert_string_equal(bytes, text);
}

static void
what_nobody_wrote_is_written(void **state)
{
	(void)state;
	write_text("before\n", 7);
	put(0);
	expect("before\nfirst line\nsecond line\nthird line\n");
}

static void
what_was_cut_anywhere_goes_on_there(void **state)
{
	size_t cut;

	(void)state;
	for (cut = 0; cut <= sizeof(lines) - 1; cut++) {
		assert_int_equal(ftruncate(pool.log.fd, 0), 0);
		write_text("before\n", 7);
		write_text(lines, cut);
		put(sizeof(lines) - 1);
		expect("before\nfirst line\nsecond line\nthird line\n");
	}
}

static void
others_lines_behind_it_stay(void **state)
{
	(void)state;
	write_text(lines, sizeof(lines) - 1);
	write_text("another's\n", 10);
	put(sizeof(lines) - 1);
	expect("first line\nsecond line\nthird line\nanother's\n");
}

static void
a_whole_part_with_others_behind_it_is_not_written_again(void **state)
{
	(void)state;
	write_text(lines, 11);
	write_text("another's\n", 10);
	put(sizeof(lines) - 1);
	expect("first line\nanother's\nsecond line\nthird line\n");
}

static void
only_what_is_doubtful_is_looked_for(void **state)
{
	(void)state;
	/* The same lines, but of another request that was like it. */
	write_text(lines, sizeof(lines) - 1);
	put(11);
	expect("first line\nsecond line\nthird line\n"
	       "second line\nthird line\n");
}

#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		REST_TEST(what_nobody_wrote_is_written),
		REST_TEST(what_was_cut_anywhere_goes_on_there),
		REST_TEST(others_lines_behind_it_stay),
		REST_TEST(
		    a_whole_part_with_others_behind_it_is_not_written_again),
		REST_TEST(only_what_is_doubtful_is_looked_for),
	};

	return (RUN_TESTS(argc, argv, tests));
}
