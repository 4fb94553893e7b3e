/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl crashes: read the reports and show them. Needs no server.
 */
#include "shm/ctl/crashes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int
is_report(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return (length > 5 && entry->d_name[0] != '.' &&
		strcmp(entry->d_name + length - 5, ".json") == 0);
}

/* A report, or NULL when the file is gone or no JSON object. */
static json_t *
load(const char *folder, const char *name, const char *suffix)
{
	char path[PATH_MAX];
	json_t *report;

	if ((size_t)snprintf(path, sizeof(path), "%s/crashes/%s%s", folder,
		name, suffix) >= sizeof(path))
		return (NULL);
	report = json_load_file(path, 0, NULL);
	if (report != NULL && !json_is_object(report)) {
		json_decref(report);
		return (NULL);
	}
	return (report);
}

/* A text of an object: "-" when there is none. */
static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return (text == NULL ? "-" : text);
}

static uint64_t
number_of(const json_t *object, const char *name)
{
	return ((uint64_t)json_integer_value(json_object_get(object, name)));
}

/* Nothing but printable characters goes to a terminal. */
static void
print_text(FILE *out, const char *text, int width)
{
	int printed = 0;

	for (; *text != '\0'; text++, printed++)
		(void)fputc(isprint((unsigned char)*text) ? *text : '?', out);
	for (; printed < width; printed++)
		(void)fputc(' ', out);
}

static void
print_end(FILE *out, const json_t *report, int width)
{
	char text[64];

	if (json_is_string(json_object_get(report, "signal")))
		(void)snprintf(
		    text, sizeof(text), "%s", text_of(report, "signal"));
	else
		(void)snprintf(text, sizeof(text), "exit %" PRIu64,
		    number_of(report, "exit_status"));
	print_text(out, text, width);
}

static void
print_line(FILE *out, const json_t *report)
{
	const json_t *culprit = json_object_get(report, "culprit");

	print_text(out, text_of(report, "id"), 28);
	(void)fprintf(out, "  %6" PRIu64 "  ", number_of(report, "worker"));
	print_end(out, report, 8);
	(void)fprintf(out, "  %-4s  ",
	    json_is_true(json_object_get(report, "hung")) ? "hung" : "-");
	print_text(out, text_of(culprit, "module"), 16);
	(void)fputs("  ", out);
	print_text(out, text_of(culprit, "step"), 22);
	(void)fputs("  ", out);
	print_text(out, text_of(culprit, "method"), 0);
	(void)fputc(' ', out);
	print_text(out, text_of(culprit, "target"), 0);
	(void)fputc('\n', out);
}

static void
print_field(FILE *out, const char *label, const json_t *o, const char *name)
{
	if (!json_is_string(json_object_get(o, name)))
		return;
	(void)fprintf(out, "%-12s", label);
	print_text(out, text_of(o, name), 0);
	(void)fputc('\n', out);
}

static void
print_culprit(FILE *out, const json_t *culprit)
{
	if (!json_is_object(culprit)) {
		(void)fputs("module      none was running\n", out);
		return;
	}
	print_field(out, "module", culprit, "module");
	print_field(out, "file", culprit, "file");
	print_field(out, "build id", culprit, "build_id");
	print_field(out, "in", culprit, "step");
	print_field(out, "request", culprit, "request");
	print_field(out, "method", culprit, "method");
	print_field(out, "target", culprit, "target");
	print_field(out, "client", culprit, "client");
	(void)fprintf(out,
	    "callback    ran for %.3f ms on thread %" PRIu64 "\n",
	    (double)number_of(culprit, "callback_ns") / 1e6,
	    number_of(culprit, "thread"));
}

/* Times count back from the last entry. */
static void
print_recorder(FILE *out, const json_t *entries)
{
	size_t count = json_array_size(entries), i;
	const json_t *entry;
	uint64_t last;

	if (count == 0)
		return;
	last = number_of(json_array_get(entries, count - 1), "time_ns");
	(void)fputs("\nlast completions\n", out);
	for (i = 0; i < count; i++) {
		entry = json_array_get(entries, i);
		(void)fprintf(out, "  %10.3f ms  ",
		    ((double)number_of(entry, "time_ns") - (double)last) / 1e6);
		print_text(out, text_of(entry, "operation"), 18);
		(void)fprintf(out,
		    "  slot %-6" PRIu64 "  %10" PRId64 " bytes  status %" PRId64
		    "\n",
		    number_of(entry, "slot"),
		    (int64_t)number_of(entry, "bytes"),
		    (int64_t)number_of(entry, "status"));
	}
}

/* What became of them: all counts, and who wasn't just adopted. */
static void
print_connections(FILE *out, const json_t *connections)
{
	static const char *const outcomes[][2] = {
		{ "adopted", "adopted" },
		{ "replayed", "replayed" },
		{ "answered_502", "answered 502" },
		{ "closed", "closed in order" },
		{ "reset", "reset" },
		{ "client_gone", "whose client had gone" },
		{ "successor_died", "whose next worker died too" },
		{ "untouched", "not begun yet" },
		{ "waiting", "not known" },
	};
	const json_t *list = json_object_get(connections, "list"), *item;
	const char *separator = "connections ";
	uint64_t count;
	size_t i;

	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		count = number_of(connections, outcomes[i][0]);
		if (count == 0)
			continue;
		(void)fprintf(
		    out, "%s%" PRIu64 " %s", separator, count, outcomes[i][1]);
		separator = ", ";
	}
	(void)fputs(*separator == 'c' ? "connections none\n" : "\n", out);
	json_array_foreach(list, i, item)
	{
		if (strcmp(text_of(item, "outcome"), "adopted") == 0)
			continue;
		print_text(out, text_of(item, "outcome"), 12);
		(void)fprintf(
		    out, "slot %" PRIu64 ", ", number_of(item, "slot"));
		print_text(out, text_of(item, "client"), 0);
		(void)fputc('\n', out);
	}
}

/* The wreck itself, when it couldn't be read as it should. */
static void
print_segment(FILE *out, const json_t *report)
{
	const char *segment = text_of(report, "segment");

	if (strcmp(segment, "unread") == 0)
		(void)fputs("segment     not read, for want of memory\n", out);
	if (strcmp(segment, "corrupt") != 0)
		return;
	(void)fputs("segment     corrupt: ", out);
	print_text(out, text_of(report, "violation"), 0);
	(void)fprintf(out, " (of %" PRIu64 " violations)\n",
	    number_of(report, "violations"));
}

static void
print_operation(FILE *out, const json_t *operation)
{
	(void)fputs("  ", out);
	print_text(out, text_of(operation, "state"), 12);
	print_text(out, text_of(operation, "operation"), 20);
	(void)fprintf(
	    out, "slot %-6" PRIu64 "  request ", number_of(operation, "slot"));
	print_text(out, text_of(operation, "request"), 10);
	(void)fputs("  ", out);
	print_text(out, text_of(operation, "client"), 0);
	if (json_is_integer(json_object_get(operation, "completer")))
		(void)fprintf(
		    out, ", by %" PRIu64, number_of(operation, "completer"));
	if (json_is_integer(json_object_get(operation, "status")))
		(void)fprintf(out, ", %" PRId64 " bytes, status %" PRId64,
		    (int64_t)number_of(operation, "bytes"),
		    (int64_t)number_of(operation, "status"));
	(void)fputc('\n', out);
}

/* What it had still to do. Reports of older servers don't say. */
static void
print_operations(FILE *out, const json_t *operations)
{
	static const char *const states[][2] = {
		{ "dispatching", "being dispatched" },
		{ "done", "done but not dispatched" },
		{ "completing", "being completed" },
		{ "in_flight", "in flight" },
	};
	const json_t *list = json_object_get(operations, "list"), *item;
	const char *separator = "operations  ";
	uint64_t count;
	size_t i;

	if (!json_is_object(operations))
		return;
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		count = number_of(operations, states[i][0]);
		if (count == 0)
			continue;
		(void)fprintf(
		    out, "%s%" PRIu64 " %s", separator, count, states[i][1]);
		separator = ", ";
	}
	(void)fputs(*separator == 'o' ? "operations  none\n" : "\n", out);
	json_array_foreach(list, i, item) print_operation(out, item);
	count = number_of(operations, "not_listed");
	if (count != 0)
		(void)fprintf(out, "  and %" PRIu64 " more\n", count);
}

static void
print_report(FILE *out, const json_t *report)
{
	const char *cause;

	print_field(out, "crash", report, "id");
	print_field(out, "time", report, "time");
	(void)fprintf(out,
	    "worker      %" PRIu64 ", incarnation %" PRIu64 ", pid %" PRIu64
	    ", up %.3f s\nend         ",
	    number_of(report, "worker"), number_of(report, "incarnation"),
	    number_of(report, "pid"),
	    (double)number_of(report, "uptime_ns") / 1e9);
	print_end(out, report, 0);
	cause = text_of(report, "cause");
	if (strcmp(cause, "outside") == 0)
		(void)fputs(", sent from outside", out);
	if (strcmp(cause, "memory") == 0)
		(void)fputs(", for want of memory", out);
	if (json_is_true(json_object_get(report, "core")))
		(void)fputs(", core dumped", out);
	if (json_is_true(json_object_get(report, "hung")))
		(void)fputs(", aborted because it hung", out);
	if (json_is_true(json_object_get(report, "starting")))
		(void)fputs(", while it started", out);
	(void)fputc('\n', out);
	print_field(out, "reason", report, "reason");
	print_culprit(out, json_object_get(report, "culprit"));
	print_segment(out, report);
	print_operations(out, json_object_get(report, "operations"));
	print_connections(out, json_object_get(report, "connections"));
	print_recorder(out, json_object_get(report, "recorder"));
}

static int
dump(const json_t *value, FILE *out)
{
	if (json_dumpf(value, out, JSON_INDENT(2)) != 0 ||
	    fputc('\n', out) == EOF)
		return (-EIO);
	return (0);
}

static int
finish(FILE *out, int error, char *ret_error, size_t size)
{
	if (error == 0 && fflush(out) == EOF)
		error = errno != 0 ? -errno : -EIO;
	if (error != 0)
		(void)snprintf(
		    ret_error, size, "can't write: %s", strerror(-error));
	return (error);
}

static int
print_all(
    const char *folder, struct dirent **names, int count, bool json, FILE *out)
{
	json_t *all = json_array(), *report;
	int error = 0;

	if (!json && count > 0)
		(void)fprintf(out, "%-28s  %6s  %-8s  %-4s  %-16s  %-22s  %s\n",
		    "crash", "worker", "end", "hung", "module", "in",
		    "request");
	for (int i = 0; i < count; i++) {
		report = load(folder, names[i]->d_name, "");
		if (report == NULL)
			continue; /* removed meanwhile, or not one of ours */
		if (!json)
			print_line(out, report);
		else if (json_array_append(all, report) != 0)
			error = -ENOMEM;
		json_decref(report);
	}
	if (json && error == 0)
		error = dump(all, out);
	json_decref(all);
	return (error);
}

int
crashes_list(
    const char *folder, bool json, FILE *out, char *ret_error, size_t size)
{
	struct dirent **names = NULL;
	char path[PATH_MAX];
	int count, error;

	if ((size_t)snprintf(path, sizeof(path), "%s/crashes", folder) >=
	    sizeof(path))
		return (finish(out, -ENAMETOOLONG, ret_error, size));
	count = scandir(path, &names, is_report, alphasort);
	if (count < 0 && errno != ENOENT) {
		error = -errno;
		(void)snprintf(
		    ret_error, size, "%s: %s", path, strerror(-error));
		return (error);
	}
	error = print_all(folder, names, count, json, out);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return (finish(out, error, ret_error, size));
}

int
crashes_show(const char *folder, const char *id, bool json, FILE *out,
    char *ret_error, size_t size)
{
	json_t *report = NULL;
	int error = 0;

	if (*id != '.' && strchr(id, '/') == NULL)
		report = load(folder, id, ".json");
	if (report == NULL) {
		(void)snprintf(ret_error, size,
		    "there is no crash report %s in %s/crashes", id, folder);
		return (-ENOENT);
	}
	if (json)
		error = dump(report, out);
	else
		print_report(out, report);
	json_decref(report);
	return (finish(out, error, ret_error, size));
}
