/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-admin as the master sees it: where it may listen, and what one that
 * was taken over gets.
 */
#include "master/admin.h"
#include "tests/unit/master/support.h"
#include "tests/unit/master/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
only_local_addresses(void **state)
{
	static const char *const good[] = { "127.0.0.1:9090", "127.9.9.9:1",
		"[::1]:9090", "unix:/run/page", "127.0.0.1:0" };
	static const char *const bad[] = { ":9090", "*:9090", "0.0.0.0:9090",
		"10.0.0.1:9090", "[::]:9090", "[::2]:9090", "9090",
		"localhost:9090", "", "unix:" };
	struct address address;
	struct reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (admin_address(good[i], &address, &why) != 0)
			fail_msg("%s: %s", good[i], why.text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (admin_address(bad[i], &address, &why) == 0)
			fail_msg("%s", bad[i]);
		assert_non_null(strstr(why.text, "setting admin: "));
	}
}

static void
write_report(const char *folder, const char *name)
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{}", 2), 2);
	(void)close(fd);
}

static void
remove_reports(const char *folder, const char *const *names, size_t count)
{
	char path[160];

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void
it_may_look_and_nothing_else(void **state)
{
	static const char *const names[] = { "20261120T171121.1Z-1.json",
		"20261120T171121.1Z-2.json", ".hidden.json", "other.txt" };
	struct running running;
	char crashes[96];

	(void)state;
	running_prepare(&running, 2, "");
	running.config->admin = strdup("127.0.0.1:0");
	running.config->admin_program = strdup(FAKE_ADMIN);
	free(running.config->state_dir);
	running.config->state_dir = strdup(running.folder);
	(void)snprintf(crashes, sizeof(crashes), "%s/crashes", running.folder);
	assert_int_equal(mkdir(crashes, 0700), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		write_report(crashes, names[i]);
	running_launch(&running);
	/* Not at the first start: then the segments weren't sealed yet. */
	assert_true(running_says(&running, "fake-admin: segments: 2"));
	assert_true(running_says(&running, "fake-admin: command: -1\n"));
	assert_true(running_says(&running, "fake-admin: reports: 2"));
	assert_true(running_says(&running, "fake-admin: hung up on"));
	assert_true(running_says(
	    &running, "exited with status 3; it is started again"));
	assert_int_equal(running_said(&running, "writable"), 0);
	remove_reports(crashes, names, sizeof(names) / sizeof(names[0]));
	running_end(&running);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_local_addresses),
		cmocka_unit_test(it_may_look_and_nothing_else),
	};

	return (RUN_TESTS(argc, argv, tests));
}
