/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/support/admin.h"

#include "tests/support/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CURL_MS = 20000,
	STEP_MS = 50,
};

void
admin_of(const struct server *server, struct server *ret_admin)
{
	static const char says[] =
	    "status page and metrics on http://127.0.0.1:";
	char *log, *line;
	size_t length;

	log = process_read_file(server->log_path, &length);
	assert_non_null(log);
	line = strstr(log, says);
	if (line == NULL)
		fail_msg("the log doesn't say where the page is");
	*ret_admin = *server;
	assert_int_equal(
	    sscanf(line + strlen(says), "%hu", &ret_admin->port), 1);
	free(log);
}

pid_t
admin_pid(const struct server *server)
{
	pid_t pid;

	if (process_children(server->pid, "bulkhead-admin", &pid, 1) == 0)
		return (0);
	return (pid);
}

json_t *
admin_json(const struct server *admin, const char *target)
{
	struct response r;
	json_error_t error;
	json_t *value;

	client_get(admin, target, &r);
	if (r.status != 200)
		fail_msg("%s: %d: %s", target, r.status, r.body);
	assert_string_equal(
	    response_header(&r, "Content-Type"), "application/json");
	value = json_loads(r.body, JSON_REJECT_DUPLICATES, &error);
	if (value == NULL)
		fail_msg("%s: %s: %s", target, error.text, r.body);
	response_free(&r);
	return (value);
}

/* Its last line is curl's: the status, 000 for none. */
static bool
answers(const char *output, int status, const char *words)
{
	const char *line = strrchr(output, '\n');

	return (line != NULL && strtol(line + 1, NULL, 10) == status &&
		(words == NULL || strstr(output, words) != NULL));
}

void
admin_wait(const struct server *admin, const char *target, int status,
    const char *words, int64_t timeout_ms)
{
	const int64_t deadline = test_deadline(timeout_ms);
	struct process_result result;
	char url[256];
	bool done;

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s",
	    (unsigned)admin->port, target);
	for (;;) {
		process_run((const char *const[]){ "curl", "-s", "-m", "5",
				"-w", "\n%{http_code}", url, NULL },
		    CURL_MS, &result);
		done = answers(result.output, status, words);
		if (!done && test_left_ms(deadline) == 0)
			fail_msg("%s never answers %d with \"%s\" but: %s",
			    target, status, words != NULL ? words : "",
			    result.output);
		process_result_free(&result);
		if (done)
			return;
		test_sleep_ms(STEP_MS);
	}
}
