/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures as people read them.
 */
#include "tests/unit/shm/unit.h"

#include "shm/ctl/format.h"

#include <string.h>
#include <sys/socket.h>

#define FORMAT(function, wanted, ...)                        \
	do {                                                 \
		char text_[FORMAT_SIZE];                     \
		function(__VA_ARGS__, text_, sizeof(text_)); \
		assert_string_equal(text_, wanted);          \
	} while (0)

static void
durations_have_three_digits(void **state)
{
	(void)state;
	FORMAT(format_duration, "-", 0);
	FORMAT(format_duration, "999 ns", 999);
	FORMAT(format_duration, "1.00 us", 1000);
	FORMAT(format_duration, "12.3 us", 12345);
	FORMAT(format_duration, "1.50 ms", 1500000);
	FORMAT(format_duration, "12.0 s", UINT64_C(12000000000));
	FORMAT(format_duration, "4000 s", UINT64_C(4000000000000));
}

static void
counts_and_bytes(void **state)
{
	(void)state;
	FORMAT(format_count, "0", 0);
	FORMAT(format_count, "999", 999);
	FORMAT(format_count, "1.00k", 999.6);
	FORMAT(format_count, "12.3k", 12345);
	FORMAT(format_count, "4.56M", 4560000);
	FORMAT(format_bytes, "0 B", 0);
	FORMAT(format_bytes, "1.5 KiB", 1536);
	FORMAT(format_bytes, "200 MiB", UINT64_C(200) << 20);
}

static void
ages_requests_and_clients(void **state)
{
	struct slot_peer peer = { .family = AF_INET6 };

	(void)state;
	FORMAT(format_age, "0 s", 5, 1);
	FORMAT(format_age, "42 s", 0, UINT64_C(42000000000));
	FORMAT(format_age, "3 h", 0, UINT64_C(3) * 3600 * 1000000000);
	FORMAT(format_request, "-", 0);
	FORMAT(format_request, "3-17", UINT64_C(3) << 32 | 17);
	peer.address[15] = 1;
	FORMAT(format_client, "::1", &peer);
	peer.family = AF_UNIX;
	FORMAT(format_client, "unix", &peer);
	peer.family = 4711;
	FORMAT(format_client, "?", &peer);
	assert_string_equal(format_stand(COLLECT_SENDING), "sending");
	assert_string_equal(format_stand(COLLECT_STANDS), "?");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(durations_have_three_digits),
	cmocka_unit_test(counts_and_bytes),
	cmocka_unit_test(ages_requests_and_clients),
};

UNIT_MAIN(tests)
