/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/support/ctl.h"

#include <string.h>

enum {
	CTL_MS = 60000 /* a reload waits for new workers, on a busy machine */
};

int
ctl_run(struct server *server, const char *command, const char *argument,
    struct process_result *ret_result)
{
	char program[256];

	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, command, argument, NULL },
	    CTL_MS, ret_result);
	return (ret_result->status >> 8);
}

void
ctl_expect(struct server *server, const char *command, const char *argument,
    int status, const char *words)
{
	struct process_result result;

	assert_int_equal(ctl_run(server, command, argument, &result), status);
	if (strstr(result.output, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, result.output);
	process_result_free(&result);
}
