/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports as files, and the build id that stands in them.
 */
#include "master/crash_file.h"
#include "shm/activity.h"
#include "tests/unit/master/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
fill(struct crash *crash, unsigned number)
{
	memset(crash, 0, sizeof(*crash));
	(void)snprintf(
	    crash->id, sizeof(crash->id), "20260101T00000%u.000000Z-1", number);
	crash->signal = 11;
	crash->known = true;
	crash->culprit.request = request_id_make(3, 17);
	(void)snprintf(crash->culprit.name, sizeof(crash->culprit.name),
	    "bad\x1b\"name\xff");
	crash->entry_count = 1;
	crash->entries[0].bytes = -5;
	crash->entries[0].op = 0xffff;
}

static void
a_report_is_printable_whatever_the_wreck_says(void **state)
{
	struct crash crash;
	char *text;

	(void)state;
	fill(&crash, 1);
	text = crash_file_format(&crash);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"module\": \"bad?\\\"name?\""));
	assert_non_null(strstr(text, "\"request\": \"3-17\""));
	assert_non_null(strstr(text, "\"signal\": \"SIGSEGV\""));
	assert_non_null(strstr(text, "\"operation\": 65535"));
	assert_non_null(strstr(text, "\"bytes\": -5"));
	free(text);
}

static void
what_was_outstanding_is_told_with_its_state(void **state)
{
	struct crash crash;
	char *text;

	(void)state;
	fill(&crash, 1);
	crash.outstanding.segment = OUTSTANDING_WHOLE;
	crash.outstanding.counts[RECORD_INFLIGHT] = 40;
	crash.outstanding.counts[RECORD_DONE] = 1;
	crash.outstanding.count = 2;
	crash.outstanding.entries[0] = (struct outstanding_entry){
		.state = RECORD_DONE,
		.op = OPERATION_FLUSH,
		.completer = 7,
		.request = request_id_make(3, 18),
		.bytes = 99,
		.status = -32,
	};
	crash.outstanding.entries[1] = (struct outstanding_entry){
		.state = RECORD_INFLIGHT,
		.op = 31,
	};
	text = crash_file_format(&crash);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"segment\": \"whole\""));
	assert_non_null(strstr(text, "\"violation\": null"));
	assert_non_null(strstr(text, "\"in_flight\": 40"));
	assert_non_null(strstr(text, "\"operation\": \"flush\""));
	assert_non_null(strstr(text, "\"request\": \"3-18\""));
	assert_non_null(strstr(text, "\"completer\": 7"));
	assert_non_null(strstr(text, "\"bytes\": 99"));
	assert_non_null(strstr(text, "\"status\": -32"));
	/* Nobody's, of no request, without a result. */
	assert_non_null(strstr(text, "\"operation\": 31"));
	assert_non_null(strstr(text, "\"completer\": null"));
	assert_non_null(strstr(text, "\"bytes\": null"));
	assert_non_null(strstr(text, "\"not_listed\": 39"));
	free(text);
}

static void
a_corrupt_segment_is_called_so(void **state)
{
	struct crash crash;
	char *text;

	(void)state;
	fill(&crash, 1);
	crash.outstanding.segment = OUTSTANDING_CORRUPT;
	crash.outstanding.violations = 12;
	crash.outstanding.violated = "a record's owner is no producer";
	crash.outstanding.violated_at = 101;
	text = crash_file_format(&crash);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"segment\": \"corrupt\""));
	assert_non_null(strstr(text, "\"violations\": 12"));
	assert_non_null(strstr(
	    text, "\"violation\": \"a record's owner is no producer: 101\""));
	free(text);
}

static void
the_oldest_go_and_nothing_else_does(void **state)
{
	char folder[] = "/tmp/bulkhead-crash-XXXXXX", path[128], sub[64];
	struct crash crash;
	struct stat status;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(sub, sizeof(sub), "%s/a/b", folder);
	for (unsigned i = 1; i <= 5; i++) {
		fill(&crash, i);
		assert_int_equal(crash_file_write(&crash, sub, 3), 0);
	}
	for (unsigned i = 1; i <= 5; i++) {
		(void)snprintf(path, sizeof(path),
		    "%s/crashes/20260101T00000%u.000000Z-1.json", sub, i);
		assert_int_equal(stat(path, &status), i <= 2 ? -1 : 0);
		if (i > 2) {
			assert_int_equal(status.st_mode & 07777, 0600);
			assert_int_equal(unlink(path), 0);
		}
	}
	/* No temporary file: the folders are empty. */
	(void)snprintf(path, sizeof(path), "%s/crashes", sub);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(sub), 0);
	(void)snprintf(path, sizeof(path), "%s/a", folder);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
a_folder_that_cannot_be_is_an_error(void **state)
{
	struct crash crash;

	(void)state;
	fill(&crash, 1);
	assert_true(crash_file_write(&crash, "/dev/null/x", 3) < 0);
}

static void
a_build_id_is_read_from_an_executable_only(void **state)
{
	char text[BUILD_ID_TEXT], file[] = "/tmp/bulkhead-elf-XXXXXX";
	char bytes[4096];
	ssize_t size;
	int fd, self;

	(void)state;
	assert_int_equal(build_id_read("/proc/self/exe", text), 0);
	assert_in_range(strlen(text), 16, 64);
	assert_int_equal(strspn(text, "0123456789abcdef"), strlen(text));
	assert_int_equal(build_id_read("/etc/passwd", text), -ENOENT);
	assert_string_equal(text, "");
	assert_int_equal(build_id_read("/nonexistent", text), -ENOENT);

	/* Cut anywhere, or spoilt, it is no file of ours, and no crash. */
	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	size = read(self, bytes, sizeof(bytes));
	assert_true(size > 1024);
	fd = mkstemp(file);
	assert_true(fd >= 0);
	for (size_t length = 0; length < 1024; length += 7) {
		bytes[length] ^= (char)0xff;
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(
		    pwrite(fd, bytes, length + 8, 0), (ssize_t)length + 8);
		(void)build_id_read(file, text);
		bytes[length] ^= (char)0xff;
	}
	(void)close(fd);
	(void)close(self);
	assert_int_equal(unlink(file), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_printable_whatever_the_wreck_says),
		cmocka_unit_test(what_was_outstanding_is_told_with_its_state),
		cmocka_unit_test(a_corrupt_segment_is_called_so),
		cmocka_unit_test(the_oldest_go_and_nothing_else_does),
		cmocka_unit_test(a_folder_that_cannot_be_is_an_error),
		cmocka_unit_test(a_build_id_is_read_from_an_executable_only),
	};

	return (RUN_TESTS(argc, argv, tests));
}
