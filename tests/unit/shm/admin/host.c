/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which Host headers are the machine's own.
 */
#include "shm/admin/host.h"
#include "tests/unit/shm/unit.h"

static void
own_names_pass(void **state)
{
	static const char *const names[] = { "localhost", "LOCALHOST:80",
		"localhost:9090", "127.0.0.1", "127.0.0.1:1", "127.255.3.4:9",
		"[::1]", "[::1]:65535" };

	(void)state;
	assert_true(host_is_local(NULL));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!host_is_local(names[i]))
			fail_msg("%s", names[i]);
}

static void
others_dont(void **state)
{
	static const char *const names[] = { "", "example.org",
		"localhost.example.org", "127.0.0.1.example.org", "10.0.0.1",
		"128.0.0.1", "127.1", "localhost:", "localhost:80a",
		"127.0.0.1:80:90", "[::2]", "[::1", "[::1]x", "::1",
		"localhost@example.org", " localhost", "0x7f.0.0.1",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaa" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (host_is_local(names[i]))
			fail_msg("%s", names[i]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(own_names_pass),
	cmocka_unit_test(others_dont),
};

UNIT_MAIN(tests)
