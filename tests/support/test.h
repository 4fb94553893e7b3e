/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmocka with what it wants included before it, and the frame of every
 * process test's main().
 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A test of process tests: whatever it started is gone after it. */
#define PROCESS_TEST(function) \
	cmocka_unit_test_teardown(function, server_teardown)

/*
 * RUN_TESTS(argc, argv, tests):
 * The body of main(): the program's first argument, if any, is a pattern
 * that chooses among ${tests}.
 */
#define RUN_TESTS(argc, argv, tests)   \
	(test_prepare((argc), (argv)), \
	    cmocka_run_group_tests_name(__FILE__, (tests), NULL, NULL))

/*
 * test_prepare(argc, argv):
 * Take the pattern; ignore SIGPIPE; become the one who inherits orphans, so
 * that a process left behind is found.
 */
void test_prepare(int argc, char **argv);

/*
 * Time limits. They are for things that shouldn't happen, so they are
 * generous, and more so under a sanitizer. Times are CLOCK_MONOTONIC in
 * milliseconds.
 */
int64_t test_now_ms(void);
int64_t test_deadline(int64_t ms);  /* now + ms, stretched */
int test_left_ms(int64_t deadline); /* 0 when it is over; for poll(2) */
void test_sleep_ms(int64_t ms);

/* Is this build instrumented by a sanitizer? Then times mean little. */
bool test_sanitized(void);

#endif
