/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules, requests and completions: lists for programs; the flight recorder
 * for people too.
 */
#include "shm/ctl/render.h"

#include "shm/base/clock.h"
#include "shm/ctl/build.h"
#include "shm/ctl/format.h"

#include <errno.h>
#include <inttypes.h>

static uint64_t
elapsed(uint64_t since_ns, uint64_t now_ns)
{
	return (since_ns != 0 && now_ns > since_ns ? now_ns - since_ns : 0);
}

int
render_modules_json(const struct collect_status *status, FILE *out)
{
	const struct message_status_module *state;
	const struct figures_module *module;
	struct builder b = { .failed = false };
	json_t *array = json_array(), *o;
	size_t i;

	for (i = 0; i < status->totals.module_count; i++) {
		module = &status->totals.modules[i];
		state = view_state(status, module);
		o = build_module(&b, module, false);
		build_put_number(&b, o, "memory", view_held(module));
		build_put(&b, o, "loaded", json_boolean(state != NULL));
		build_put(&b, o, "quarantined",
		    json_boolean(state != NULL && state->quarantined != 0));
		build_put_number(
		    &b, o, "crashes", state == NULL ? 0 : state->crashes);
		build_append(&b, array, o);
	}
	return (build_write(&b, array, JSON_INDENT(2), out));
}

static void
put_text_or_null(
    struct builder *b, json_t *object, const char *name, const char *text)
{
	if (*text != '\0')
		build_put_text(b, object, name, text);
	else
		build_put(b, object, name, json_null());
}

static json_t *
build_request(struct builder *b, const struct collect_request *request,
    const struct collect_worker *worker, uint64_t now_ns)
{
	char client[FORMAT_SIZE];
	json_t *o = json_object();

	build_put_request(b, o, "request", request->request);
	build_put_number(b, o, "worker", request->worker);
	if (worker->pool[0] != '\0')
		build_put_text(b, o, "pool", worker->pool);
	format_client(&request->peer, client, sizeof(client));
	build_put_text(b, o, "client", client);
	build_put_number(b, o, "client_port", request->peer.port);
	build_put_text(b, o, "state", format_stand(request->stand));
	put_text_or_null(b, o, "module", request->module);
	put_text_or_null(b, o, "stage", request->step);
	build_put_number(b, o, "there_ns", elapsed(request->since_ns, now_ns));
	build_put_number(
	    b, o, "total_ns", elapsed(request->started_ns, now_ns));
	put_text_or_null(b, o, "asks_for", request->text);
	build_put_number(b, o, "served_before", request->served);
	build_put_number(b, o, "replays", request->replays);
	return (o);
}

int
render_requests_json(const struct collect_status *status,
    const struct view_filter *filter, size_t flags, FILE *out)
{
	const struct collect_worker *worker;
	struct builder b = { .failed = false };
	json_t *array = json_array();
	size_t i, k;

	for (i = 0; i < status->worker_count; i++) {
		worker = &status->workers[i];
		for (k = 0; k < worker->request_count; k++)
			if (view_takes(
				filter, &worker->requests[k], status->now_ns))
				build_append(&b, array,
				    build_request(&b, &worker->requests[k],
					worker, status->now_ns));
	}
	return (build_write(&b, array, flags, out));
}

/* --- The flight recorder ----------------------------------------------- */

/* The name in operations.def, or the number. */
static void
operation_text(uint16_t op, char *ret_text, size_t size)
{
	const char *name = operation_name(op);

	if (name != NULL)
		(void)snprintf(ret_text, size, "%s", name);
	else
		(void)snprintf(ret_text, size, "%u", (unsigned)op);
}

/* "12.3 ago": slot and generation name the connection. */
static void
print_entry(FILE *out, const struct recorder_entry *entry, uint64_t now_ns)
{
	char ago[FORMAT_SIZE], connection[FORMAT_SIZE], op[FORMAT_SIZE];

	if (entry->time_ns == 0)
		(void)snprintf(ago, sizeof(ago), "?");
	else
		format_duration(
		    elapsed(entry->time_ns, now_ns), ago, sizeof(ago));
	operation_text(entry->op, op, sizeof(op));
	(void)snprintf(connection, sizeof(connection), "%" PRIu32 ".%" PRIu32,
	    (uint32_t)entry->conn, (uint32_t)(entry->conn >> 32));
	(void)fprintf(out,
	    "%10" PRIu64 "  %9s  %-20s  %12s  %12" PRId64 "  %6" PRId32
	    "  %6u\n",
	    (uint64_t)entry->sequence, ago, op,
	    entry->conn == 0 ? "-" : connection, entry->bytes, entry->status,
	    (unsigned)entry->completer);
}

/* Of ${worker}: the index of the first of its last ${count} entries. */
static size_t
first_entry(const struct collect_worker *worker, size_t count)
{
	return (worker->entry_count > count ? worker->entry_count - count : 0);
}

int
render_completions_text(const struct collect_status *status, uint32_t number,
    size_t count, FILE *out)
{
	const struct collect_worker *worker;
	size_t i, k;

	errno = 0;
	for (i = 0; i < status->worker_count; i++) {
		worker = &status->workers[i];
		if (number != 0 && worker->info.worker != number)
			continue;
		(void)fprintf(out, "worker %" PRIu32 " (pid %" PRIu64 ")%s\n",
		    worker->info.worker, worker->info.pid,
		    worker->readable ? "" : ": segment unreadable");
		if (worker->readable)
			(void)fprintf(out,
			    "%10s  %9s  %-20s  %12s  %12s  %6s  %6s\n",
			    "number", "ago", "operation", "connection", "bytes",
			    "status", "thread");
		for (k = first_entry(worker, count); k < worker->entry_count;
		     k++)
			print_entry(out, &worker->entries[k], status->now_ns);
	}
	if (fflush(out) == EOF || ferror(out))
		return (errno != 0 ? -errno : -EIO);
	return (0);
}

static json_t *
build_entry(
    struct builder *b, const struct recorder_entry *entry, uint64_t now_ns)
{
	char op[FORMAT_SIZE];
	json_t *o = json_object();

	build_put_number(b, o, "number", entry->sequence);
	build_put_number(b, o, "ago_ns", elapsed(entry->time_ns, now_ns));
	operation_text(entry->op, op, sizeof(op));
	build_put_text(b, o, "operation", op);
	build_put_number(b, o, "slot", (uint32_t)entry->conn);
	build_put_number(b, o, "generation", entry->conn >> 32);
	build_put(b, o, "bytes", json_integer(entry->bytes));
	build_put(b, o, "status", json_integer(entry->status));
	build_put_number(b, o, "thread", entry->completer);
	return (o);
}

int
render_completions_json(const struct collect_status *status, uint32_t number,
    size_t count, FILE *out)
{
	const struct collect_worker *worker;
	struct builder b = { .failed = false };
	json_t *array = json_array(), *entries, *o;
	size_t i, k;

	for (i = 0; i < status->worker_count; i++) {
		worker = &status->workers[i];
		if (number != 0 && worker->info.worker != number)
			continue;
		o = json_object();
		build_put_number(&b, o, "worker", worker->info.worker);
		build_put_number(&b, o, "pid", worker->info.pid);
		entries = json_array();
		for (k = first_entry(worker, count); k < worker->entry_count;
		     k++)
			build_append(&b, entries,
			    build_entry(
				&b, &worker->entries[k], status->now_ns));
		build_put(&b, o, "completions", entries);
		build_append(&b, array, o);
	}
	return (build_write(&b, array, JSON_INDENT(2), out));
}
