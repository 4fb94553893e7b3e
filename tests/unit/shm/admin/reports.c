/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports as they come: new, known, written anew, gone, and nonsense.
 */
#include "shm/admin/reports.h"

#include "tests/unit/shm/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int
file_of(const char *text, size_t length)
{
	int fd = memfd_create("report", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	return (fd);
}

static int
add(struct reports *reports, const char *id, const char *text)
{
	int error, fd = file_of(text, strlen(text));

	error = reports_add(reports, id, fd);
	(void)close(fd);
	return (error);
}

static json_int_t
worker_of(const struct reports *reports, const char *id)
{
	const json_t *report = reports_find(reports, id);

	assert_non_null(report);
	return (json_integer_value(json_object_get(report, "worker")));
}

static void
finish(struct reports *reports)
{
	reports_begin(reports);
	reports_end(reports);
	assert_int_equal(reports->count, 0);
}

static void
they_are_kept_while_they_are_there(void **state)
{
	static struct reports reports;
	json_t *list;

	(void)state;
	reports_begin(&reports);
	assert_int_equal(
	    add(&reports, "a", "{\"worker\":1,\"recorder\":[1]}"), 0);
	assert_int_equal(add(&reports, "b", "{\"worker\":2}"), 0);
	reports_end(&reports);
	list = reports_list(&reports);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(
			     json_array_get(list, 0), "worker")),
	    2);
	assert_null(json_object_get(json_array_get(list, 1), "recorder"));
	json_decref(list);
	assert_non_null(
	    json_object_get(reports_find(&reports, "a"), "recorder"));
	assert_null(reports_find(&reports, "c"));

	reports_begin(&reports);
	assert_int_equal(add(&reports, "b", "{\"worker\":3}"), 0);
	reports_end(&reports);
	assert_null(reports_find(&reports, "a"));
	assert_int_equal(worker_of(&reports, "b"), 3);
	finish(&reports);
}

/* The same file isn't read twice. */
static void
a_known_file_is_not_read_again(void **state)
{
	static struct reports reports;
	int fd = file_of("{\"worker\":1}", 12);

	(void)state;
	reports_begin(&reports);
	assert_int_equal(reports_add(&reports, "a", fd), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 12); /* where it was */
	reports_begin(&reports);
	assert_int_equal(reports_add(&reports, "a", fd), 0);
	reports_end(&reports);
	assert_int_equal(worker_of(&reports, "a"), 1);
	(void)close(fd);
	finish(&reports);
}

static void
nonsense_is_left_out(void **state)
{
	static struct reports reports;
	static char large[REPORTS_SIZE + 1];
	int fd;

	(void)state;
	reports_begin(&reports);
	assert_int_equal(add(&reports, "a", ""), -EBADMSG);
	assert_int_equal(add(&reports, "b", "[1]"), -EBADMSG);
	assert_int_equal(add(&reports, "c", "{\"worker\":1"), -EBADMSG);
	memset(large, ' ', sizeof(large));
	fd = file_of(large, sizeof(large));
	assert_int_equal(reports_add(&reports, "d", fd), -EFBIG);
	(void)close(fd);
	assert_int_equal(reports_add(&reports, "e", -1), -EBADF);
	assert_int_equal(reports.count, 0);
	reports_end(&reports);
}

static void
there_is_a_most(void **state)
{
	static struct reports reports;
	char id[16];

	(void)state;
	reports_begin(&reports);
	for (int i = 0; i < REPORTS_MOST + 5; i++) {
		(void)snprintf(id, sizeof(id), "%04d", i);
		assert_int_equal(add(&reports, id, "{}"), 0);
	}
	reports_end(&reports);
	assert_int_equal(reports.count, REPORTS_MOST);
	assert_null(reports_find(&reports, "0004"));
	assert_non_null(reports_find(&reports, "0005"));
	finish(&reports);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(they_are_kept_while_they_are_there),
	cmocka_unit_test(a_known_file_is_not_read_again),
	cmocka_unit_test(nonsense_is_left_out),
	cmocka_unit_test(there_is_a_most),
};

UNIT_MAIN(tests)
