/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmocka with what it wants included before it, and the end of each main().
 */
#ifndef TESTS_UNIT_MASTER_TEST_H
#define TESTS_UNIT_MASTER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The first argument, if any, is a pattern that chooses among the tests. */
#define RUN_TESTS(argc, argv, tests)                               \
	((argc) > 1 ? cmocka_set_test_filter((argv)[1]) : (void)0, \
	    cmocka_run_group_tests_name(__FILE__, (tests), NULL, NULL))

#endif
