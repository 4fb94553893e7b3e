/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running bulkheadctl against a test's server.
 */
#ifndef TESTS_SUPPORT_CTL_H
#define TESTS_SUPPORT_CTL_H

#include "tests/support/process.h"
#include "tests/support/server.h"

/*
 * ctl_run(server, command, argument, ret_result):
 * bulkheadctl COMMAND [ARGUMENT]; ${argument} may be NULL. Returns its exit
 * status; *${ret_result} is for process_result_free().
 */
int ctl_run(struct server *server, const char *command, const char *argument,
    struct process_result *ret_result);

/*
 * ctl_expect(server, command, argument, status, words):
 * The same; the test fails unless it ends so and says these words.
 */
void ctl_expect(struct server *server, const char *command,
    const char *argument, int status, const char *words);

#endif
