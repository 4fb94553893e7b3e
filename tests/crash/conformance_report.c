/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the crash report of a play must say.
 */
#include "tests/crash/conformance.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REPORT_MS = 10000,
	CLIENT_TEXT = 32,
	CONNECTIONS = 5 /* the dying request's, and four bystanders */
};

static int
is_report(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return (length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0);
}

/* The report of that number, or NULL: it isn't there yet. */
static json_t *
find(const char *folder, size_t index)
{
	struct dirent **list;
	json_t *report = NULL;
	char path[512];
	int count, i;

	if ((count = scandir(folder, &list, is_report, alphasort)) < 0)
		return (NULL);
	if ((size_t)count > index) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s", folder, list[index]->d_name);
		report = json_load_file(path, 0, NULL);
	}
	for (i = 0; i < count; i++)
		free(list[i]);
	free(list);
	return (report);
}

static json_t *
wait_for(const struct server *server, size_t index)
{
	int64_t deadline = test_deadline(REPORT_MS);
	char folder[160];
	json_t *report;

	(void)snprintf(folder, sizeof(folder), "%s/state/crashes", server->dir);
	while ((report = find(folder, index)) == NULL) {
		if (test_left_ms(deadline) == 0)
			fail_msg("there is no report %zu", index);
		test_sleep_ms(5);
	}
	return (report);
}

static void
expect_text(const json_t *object, const char *name, const char *expected)
{
	const char *value = json_string_value(json_object_get(object, name));

	if (value == NULL || strcmp(value, expected) != 0)
		fail_msg("the report's \"%s\" is \"%s\", not \"%s\"", name,
		    value == NULL ? "(none)" : value, expected);
}

static void
expect_end(const json_t *report, const struct report *expected)
{
	const char *end = play_end(expected->way);
	bool hangs = expected->way >= WAY_COUNT;
	json_t *status = json_object_get(report, "exit_status");

	assert_int_equal(json_is_true(json_object_get(report, "hung")), hangs);
	/* A sanitizer makes an exit of most deaths. */
	if (test_sanitized())
		return;
	if (strncmp(end, "SIG", 3) == 0)
		expect_text(report, "signal", end);
	else
		assert_int_equal(json_integer_value(status),
		    strtol(strchr(end, ' '), NULL, 10));
}

static void
expect_culprit(
    const json_t *culprit, const struct report *expected, const char *client)
{
	bool async = expected->place >= PLACE_READ;
	char step[64];

	(void)snprintf(step, sizeof(step), "%s%s", async ? "async of " : "",
	    play_place(async ? PLACE_EXECUTE : expected->place));
	expect_text(culprit, "module", "faulty");
	expect_text(culprit, "step", step);
	expect_text(culprit, "request", expected->request);
	expect_text(culprit, "method", expected->method);
	expect_text(culprit, "target", expected->target);
	expect_text(culprit, "client", client);
	assert_non_null(json_string_value(json_object_get(culprit, "file")));
	assert_non_null(
	    json_string_value(json_object_get(culprit, "build_id")));
}

/*
 * A death comes through the ring: the last completions are told, and the one
 * that led to it is the last.
 */
static void
expect_recorder(const json_t *report, const struct report *expected)
{
	static const char *const operations[] = { "read_entity_body",
		"write_entity_chunks", "flush", "post" };
	json_t *list = json_object_get(report, "recorder");
	size_t count = json_array_size(list);

	assert_in_range(count, 1, 32);
	if (expected->place >= PLACE_READ && expected->thread < 2)
		expect_text(json_array_get(list, count - 1), "operation",
		    operations[expected->place - PLACE_READ]);
}

/* And the others': two idle ones, half a head and one that lingers. */
static void
expect_connections(const json_t *connections, const struct report *expected,
    const char *client)
{
	json_t *list = json_object_get(connections, "list"), *entry;
	const char *outcome, *name;
	size_t i, found = 0;

	json_array_foreach(list, i, entry)
	{
		name = json_string_value(json_object_get(entry, "client"));
		if (name == NULL || strcmp(name, client) != 0)
			continue;
		outcome = json_string_value(json_object_get(entry, "outcome"));
		if (strcmp(outcome, expected->outcomes[0]) != 0 &&
		    strcmp(outcome, expected->outcomes[1]) != 0)
			fail_msg("the outcome is \"%s\", not \"%s\"", outcome,
			    expected->outcomes[0]);
		found++;
	}
	/* A sanitizer's successor may start too late for the report. */
	if (test_sanitized() &&
	    json_integer_value(json_object_get(connections, "waiting")) > 0)
		return;
	assert_int_equal(found, 1);
	assert_int_equal(json_array_size(list), CONNECTIONS);
}

void
stage_expect_report(const struct server *server, const struct report *expected)
{
	json_t *report = wait_for(server, expected->index);
	char client[CLIENT_TEXT];

	(void)snprintf(
	    client, sizeof(client), "127.0.0.1:%u", (unsigned)expected->port);
	expect_end(report, expected);
	/* A thread of its own isn't in the activity words. */
	if (expected->thread < 2)
		expect_culprit(
		    json_object_get(report, "culprit"), expected, client);
	expect_recorder(report, expected);
	expect_connections(
	    json_object_get(report, "connections"), expected, client);
	json_decref(report);
}
