/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl status --json and stats --json: the same names, the latter with
 * the histograms' buckets.
 */
#include "shm/ctl/render.h"

#include "shm/ctl/build.h"

#include <string.h>

static uint64_t
elapsed_ns(uint64_t since, uint64_t now)
{
	return (since != 0 && now > since ? now - since : 0);
}

static json_t *
build_listeners(struct builder *b, const char *text)
{
	json_t *array;
	size_t length;

	array = json_array();
	for (; *text != '\0'; text += length + (text[length] == '\n')) {
		length = strcspn(text, "\n");
		if (length > 0)
			build_append(b, array, build_text(text, length));
	}
	return (array);
}

static json_t *
build_master(struct builder *b, const struct message_status_master *m)
{
	json_t *o;

	o = json_object();
	build_put_number(b, o, "pid", m->pid);
	build_put_text(b, o, "phase", m->phase);
	build_put_text(b, o, "version", m->version);
	build_put_number(
	    b, o, "uptime_ns", elapsed_ns(m->started_ns, m->now_ns));
	build_put(b, o, "listeners", build_listeners(b, m->listeners));
	build_put_number(b, o, "connections_accepted", m->accepted);
	build_put_number(b, o, "connections_open", m->connections_open);
	build_put_number(b, o, "connections_max", m->connections_max);
	build_put_number(b, o, "handover_queue", m->handover_queue);
	build_put_number(b, o, "workers", m->workers);
	build_put_number(b, o, "workers_started", m->workers_started);
	build_put_number(b, o, "workers_died", m->workers_died);
	return (o);
}

static json_t *
build_activity(
    struct builder *b, const struct collect_activity *activity, uint64_t now_ns)
{
	json_t *o;

	o = json_object();
	build_put_number(b, o, "thread", activity->thread);
	build_put_text(b, o, "module", activity->module);
	build_put_text(b, o, "step", activity->step);
	build_put_request(b, o, "request", activity->request);
	build_put_number(
	    b, o, "elapsed_ns", elapsed_ns(activity->since_ns, now_ns));
	return (o);
}

static json_t *
build_worker(struct builder *b, const struct collect_worker *worker,
    uint64_t now_ns, bool buckets)
{
	json_t *activities, *o;
	size_t i;

	o = json_object();
	build_put_number(b, o, "worker", worker->info.worker);
	build_put_number(b, o, "pid", worker->info.pid);
	if (worker->pool[0] != '\0')
		build_put_text(b, o, "pool", worker->pool);
	build_put_text(b, o, "state", worker->info.state_name);
	build_put_number(b, o, "incarnation", worker->info.incarnation);
	build_put_number(
	    b, o, "uptime_ns", elapsed_ns(worker->info.started_ns, now_ns));
	build_put_number(b, o, "connections", worker->info.connections);
	build_put(b, o, "segment_readable", json_boolean(worker->readable));
	activities = json_array();
	for (i = 0; i < worker->activity_count; i++)
		build_append(b, activities,
		    build_activity(b, &worker->activities[i], now_ns));
	build_put(b, o, "activities", activities);
	if (worker->readable)
		build_put_figures(b, o, &worker->figures, buckets);
	return (o);
}

/* What the master knows of the modules; their figures are in the totals. */
static json_t *
build_modules(struct builder *b, const struct collect_status *status)
{
	const struct message_status_module *module;
	json_t *array = json_array(), *o;
	size_t i;

	for (i = 0; i < status->module_count; i++) {
		module = &status->modules[i];
		o = json_object();
		build_put_text(b, o, "name", module->name);
		if (module->pool[0] != '\0')
			build_put_text(b, o, "pool", module->pool);
		build_put(b, o, "quarantined",
		    json_boolean(module->quarantined != 0));
		build_put_number(b, o, "quarantined_ns",
		    elapsed_ns(module->since_ns, status->master.now_ns));
		build_put_number(b, o, "crashes", module->crashes);
		build_append(b, array, o);
	}
	return (array);
}

static int
render(const struct collect_status *status, bool buckets, FILE *out)
{
	struct builder b = { .failed = false };
	json_t *root, *totals, *workers;
	size_t i;

	root = json_object();
	build_put(&b, root, "master", build_master(&b, &status->master));
	workers = json_array();
	for (i = 0; i < status->worker_count; i++)
		build_append(&b, workers,
		    build_worker(&b, &status->workers[i], status->master.now_ns,
			buckets));
	build_put(&b, root, "workers", workers);
	build_put(&b, root, "modules", build_modules(&b, status));
	totals = json_object();
	build_put_figures(&b, totals, &status->totals, buckets);
	build_put(&b, root, "totals", totals);
	return (build_write(&b, root, JSON_INDENT(2), out));
}

int
render_json(const struct collect_status *status, FILE *out)
{
	return (render(status, false, out));
}

int
render_stats_json(const struct collect_status *status, FILE *out)
{
	return (render(status, true, out));
}

int
render_workers_json(const struct collect_status *status, FILE *out)
{
	struct builder b = { .failed = false };
	json_t *workers = json_array();
	size_t i;

	for (i = 0; i < status->worker_count; i++)
		build_append(&b, workers,
		    build_worker(
			&b, &status->workers[i], status->master.now_ns, false));
	return (build_write(&b, workers, JSON_INDENT(2), out));
}
