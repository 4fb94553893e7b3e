/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl status --json. Names come from stats.def and operations.def,
 * so a figure that is added there appears here. Every operation and figure is
 * always present, so a program needn't ask whether it is.
 */
#include "shm/ctl/render.h"

#include "shm/activity.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/*
 * jansson takes ownership of values and answers -1 to a NULL value or a full
 * heap: `failed` collects these, so that one check at the end is enough.
 */
struct builder {
	bool failed;
};

static void
put(struct builder *b, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) != 0)
		b->failed = true;
}

static void
put_number(struct builder *b, json_t *object, const char *name, uint64_t number)
{
	/* jansson's integers are signed; a corrupt figure must not turn. */
	put(b, object, name,
	    json_integer((json_int_t)(number & (uint64_t)INT64_MAX)));
}

/* Text of a segment may hold anything; a program shall get valid UTF-8. */
static json_t *
build_text(const char *text, size_t length)
{
	char clean[sizeof(((struct message_status_master *)0)->listeners)];
	size_t i;

	for (i = 0; i < length && i < sizeof(clean) - 1; i++)
		clean[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	clean[i] = '\0';
	return (json_string(clean));
}

static void
put_text(struct builder *b, json_t *object, const char *name, const char *text)
{
	put(b, object, name, build_text(text, strlen(text)));
}

static void
append(struct builder *b, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		b->failed = true;
}

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
			append(b, array, build_text(text, length));
	}
	return (array);
}

static json_t *
build_master(struct builder *b, const struct message_status_master *m)
{
	json_t *o;

	o = json_object();
	put_number(b, o, "pid", m->pid);
	put_text(b, o, "version", m->version);
	put_number(b, o, "uptime_ns", elapsed_ns(m->started_ns, m->now_ns));
	put(b, o, "listeners", build_listeners(b, m->listeners));
	put_number(b, o, "connections_accepted", m->accepted);
	put_number(b, o, "connections_open", m->connections_open);
	put_number(b, o, "connections_max", m->connections_max);
	put_number(b, o, "handover_queue", m->handover_queue);
	put_number(b, o, "workers", m->workers);
	put_number(b, o, "workers_started", m->workers_started);
	put_number(b, o, "workers_died", m->workers_died);
	return (o);
}

static void
put_figures(
    struct builder *b, json_t *object, const struct collect_figures *figures)
{
	const struct collect_module *module;
	json_t *modules, *o, *stats;
	size_t i, k;

	stats = json_object();
	for (i = 0; i < STAT_completions; i++)
		put_number(
		    b, stats, worker_stat_info[i].name, figures->stats[i]);
	put(b, object, "stats", stats);

	o = json_object();
	for (i = 0; i < SEGMENT_OPERATIONS; i++)
		if (operation_name((uint16_t)i) != NULL)
			put_number(b, o, operation_name((uint16_t)i),
			    figures->completions[i]);
	put(b, object, "completions", o);

	modules = json_array();
	for (i = 0; i < figures->module_count; i++) {
		module = &figures->modules[i];
		o = json_object();
		put_text(b, o, "name", module->name);
		for (k = 0; k < MODULE_STATS; k++)
			put_number(
			    b, o, module_stat_info[k].name, module->stats[k]);
		append(b, modules, o);
	}
	put(b, object, "modules", modules);
}

static json_t *
build_activity(
    struct builder *b, const struct collect_activity *activity, uint64_t now_ns)
{
	char request[48];
	json_t *o;

	o = json_object();
	put_number(b, o, "thread", activity->thread);
	put_text(b, o, "module", activity->module);
	put_text(b, o, "step", activity->step);
	if (activity->request == 0) {
		put(b, o, "request", json_null());
	} else {
		(void)snprintf(request, sizeof(request), "%" PRIu64 "-%" PRIu64,
		    activity->request >> REQUEST_COUNT_BITS,
		    activity->request & UINT32_MAX);
		put_text(b, o, "request", request);
	}
	put_number(b, o, "elapsed_ns", elapsed_ns(activity->since_ns, now_ns));
	return (o);
}

static json_t *
build_worker(
    struct builder *b, const struct collect_worker *worker, uint64_t now_ns)
{
	json_t *activities, *o;
	size_t i;

	o = json_object();
	put_number(b, o, "worker", worker->info.worker);
	put_number(b, o, "pid", worker->info.pid);
	put_text(b, o, "state", worker->info.state_name);
	put_number(b, o, "incarnation", worker->info.incarnation);
	put_number(
	    b, o, "uptime_ns", elapsed_ns(worker->info.started_ns, now_ns));
	put_number(b, o, "connections", worker->info.connections);
	put(b, o, "segment_readable", json_boolean(worker->readable));
	activities = json_array();
	for (i = 0; i < worker->activity_count; i++)
		append(b, activities,
		    build_activity(b, &worker->activities[i], now_ns));
	put(b, o, "activities", activities);
	if (worker->readable)
		put_figures(b, o, &worker->figures);
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
		put_text(b, o, "name", module->name);
		put(b, o, "quarantined",
		    json_boolean(module->quarantined != 0));
		put_number(b, o, "quarantined_ns",
		    elapsed_ns(module->since_ns, status->master.now_ns));
		put_number(b, o, "crashes", module->crashes);
		append(b, array, o);
	}
	return (array);
}

int
render_json(const struct collect_status *status, FILE *out)
{
	struct builder b = { .failed = false };
	json_t *root, *totals, *workers;
	int error = 0;
	size_t i;

	root = json_object();
	put(&b, root, "master", build_master(&b, &status->master));
	workers = json_array();
	for (i = 0; i < status->worker_count; i++)
		append(&b, workers,
		    build_worker(
			&b, &status->workers[i], status->master.now_ns));
	put(&b, root, "workers", workers);
	put(&b, root, "modules", build_modules(&b, status));
	totals = json_object();
	put_figures(&b, totals, &status->totals);
	put(&b, root, "totals", totals);
	if (b.failed)
		error = -ENOMEM;
	else if (json_dumpf(root, out, JSON_INDENT(2)) != 0 ||
		 fputc('\n', out) == EOF || fflush(out) == EOF)
		error = errno != 0 ? -errno : -EIO;
	json_decref(root);
	return (error);
}
