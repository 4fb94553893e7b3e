/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every process test's main() needs, and the clock of its deadlines.
 */
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

enum {
	SANITIZER_STRETCH = 5
};

void
test_prepare(int argc, char **argv)
{
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	(void)signal(SIGPIPE, SIG_IGN); /* a closed connection is an errno */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1) {
		perror("PR_SET_CHILD_SUBREAPER");
		exit(1);
	}
}

bool
test_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return (true);
#else
	return (false);
#endif
}

int64_t
test_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail */
	return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

int64_t
test_deadline(int64_t ms)
{
	return (
	    test_now_ms() + (test_sanitized() ? ms * SANITIZER_STRETCH : ms));
}

int
test_left_ms(int64_t deadline)
{
	int64_t left;

	left = deadline - test_now_ms();
	return (left > 0 ? (int)left : 0);
}

void
test_sleep_ms(int64_t ms)
{
	struct timespec wait = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};

	while (nanosleep(&wait, &wait) == -1)
		continue; /* interrupted: sleep the rest */
}
