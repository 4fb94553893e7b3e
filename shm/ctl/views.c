/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of bulkheadctl: rows of workers, modules and requests.
 */
#include "shm/ctl/views.h"

#include "shm/activity.h"
#include "shm/base/clock.h"
#include "shm/ctl/format.h"

#include <inttypes.h>
#include <string.h>

enum {
	DOING_SIZE = 320
};

static void
put_number(struct table *table, uint64_t n)
{
	char text[FORMAT_SIZE];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	table_number(table, (double)n, text);
}

static void
put_duration(struct table *table, uint64_t ns)
{
	char text[FORMAT_SIZE];

	format_duration(ns, text, sizeof(text));
	table_number(table, (double)ns, text);
}

/* How many a second, or "-" when there is no earlier status. */
static void
put_rate(struct table *table, uint64_t now, uint64_t before, double seconds)
{
	double rate = 0;
	char text[FORMAT_SIZE];

	if (seconds <= 0) {
		table_text(table, "-");
		return;
	}
	/* Who was replaced meanwhile has begun at 0 again. */
	rate = (double)(now >= before ? now - before : now) / seconds;
	format_count(rate, text, sizeof(text));
	table_number(table, rate, text);
}

static void
put_quantile(struct table *table, const struct histogram *now,
    const struct histogram *before, unsigned thousandths)
{
	struct histogram since = *now;

	if (before != NULL)
		histogram_subtract(&since, before);
	put_duration(table, histogram_quantile(&since, thousandths));
}

double
view_between(
    const struct collect_status *now, const struct collect_status *before)
{
	if (before == NULL || now->now_ns <= before->now_ns)
		return (0);
	return (
	    (double)(now->now_ns - before->now_ns) / (double)CLOCK_NS_PER_SEC);
}

uint64_t
view_held(const struct figures_module *module)
{
	const uint64_t allocated = module->stats[MODULE_STAT_allocated];
	const uint64_t freed = module->stats[MODULE_STAT_freed];

	return (allocated > freed ? allocated - freed : 0);
}

/* --- Workers ----------------------------------------------------------- */

static const struct collect_worker *
find_worker(const struct collect_status *status, uint32_t incarnation)
{
	size_t i;

	for (i = 0; status != NULL && i < status->worker_count; i++)
		if (status->workers[i].info.incarnation == incarnation &&
		    status->workers[i].readable)
			return (&status->workers[i]);
	return (NULL);
}

/* "echo/begin_request 3-17 (12.0 ms)" of its dispatch thread, or "-". */
static void
put_doing(
    struct table *table, const struct collect_worker *worker, uint64_t now_ns)
{
	const struct collect_activity *a = &worker->activities[0];
	char request[FORMAT_SIZE], since[FORMAT_SIZE], text[DOING_SIZE];

	if (worker->activity_count == 0) {
		table_text(table, "-");
		return;
	}
	format_request(a->request, request, sizeof(request));
	format_duration(now_ns > a->since_ns ? now_ns - a->since_ns : 0, since,
	    sizeof(since));
	(void)snprintf(text, sizeof(text), "%s/%s %s (%s)", a->module, a->step,
	    request, since);
	table_text(table, text);
}

static void
put_worker(struct table *table, const struct collect_worker *worker,
    const struct collect_status *now, const struct collect_status *before)
{
	const struct figures *figures = &worker->figures;
	const struct collect_worker *then =
	    find_worker(before, worker->info.incarnation);
	const struct histogram *h =
	    &figures->histograms[HISTOGRAM_request_time];
	const struct histogram *was =
	    then == NULL ? NULL
			 : &then->figures.histograms[HISTOGRAM_request_time];
	char text[FORMAT_SIZE];

	put_number(table, worker->info.worker);
	table_text(table, worker->pool[0] != '\0' ? worker->pool : "-");
	put_number(table, worker->info.pid);
	table_text(table, worker->info.state_name);
	put_number(table, worker->info.incarnation);
	format_age(worker->info.started_ns, now->now_ns, text, sizeof(text));
	table_number(table, -(double)worker->info.started_ns, text);
	put_number(table, worker->info.connections);
	put_rate(table, figures->stats[STAT_requests],
	    then == NULL ? 0 : then->figures.stats[STAT_requests],
	    then == NULL ? 0 : view_between(now, before));
	put_number(table, figures->stats[STAT_requests]);
	put_number(table, figures->stats[STAT_requests_active]);
	put_number(table, figures->stats[STAT_requests_parked]);
	put_number(table, figures->stats[STAT_ring_depth]);
	put_quantile(table, h, was, 500);
	put_quantile(table, h, was, 990);
	if (worker->readable)
		put_doing(table, worker, now->now_ns);
	else
		table_text(table, "segment unreadable");
}

void
view_workers(struct table *table, const struct collect_status *now,
    const struct collect_status *before)
{
	static const struct table_column columns[] = {
		{ "worker", true },
		{ "pool", false },
		{ "pid", true },
		{ "state", false },
		{ "incarnation", true },
		{ "up", true },
		{ "conns", true },
		{ "req/s", true },
		{ "requests", true },
		{ "active", true },
		{ "parked", true },
		{ "ring", true },
		{ "p50", true },
		{ "p99", true },
		{ "doing", false },
	};
	size_t i;

	table_init(table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < now->worker_count; i++)
		put_worker(table, &now->workers[i], now, before);
}

/* --- Modules ----------------------------------------------------------- */

static const struct figures_module *
find_module(
    const struct collect_status *status, const struct figures_module *module)
{
	const struct figures *totals;
	size_t i;

	if (status == NULL)
		return (NULL);
	totals = &status->totals;
	for (i = 0; i < totals->module_count; i++)
		if (strcmp(totals->modules[i].name, module->name) == 0 &&
		    strcmp(totals->modules[i].pool, module->pool) == 0)
			return (&totals->modules[i]);
	return (NULL);
}

static void
put_module_state(struct table *table, const struct message_status_module *state)
{
	table_text(table, state == NULL             ? "gone"
			  : state->quarantined != 0 ? "quarantined"
						    : "ok");
	put_number(table, state == NULL ? 0 : state->crashes);
}

static void
put_module(struct table *table, const struct figures_module *module,
    const struct collect_status *now, const struct collect_status *before)
{
	const struct figures_module *then = find_module(before, module);
	const struct histogram *was = then == NULL ? NULL : then->histograms;
	char text[FORMAT_SIZE];
	size_t i;

	table_text(table, module->name);
	table_text(table, module->pool[0] != '\0' ? module->pool : "-");
	put_module_state(table, view_state(now, module));
	put_number(table, module->stats[MODULE_STAT_calls]);
	put_rate(table, module->stats[MODULE_STAT_calls],
	    then == NULL ? 0 : then->stats[MODULE_STAT_calls],
	    then == NULL ? 0 : view_between(now, before));
	put_number(table, module->stats[MODULE_STAT_errors]);
	for (i = 0; i < MODULE_HISTOGRAMS; i++) {
		put_quantile(table, &module->histograms[i],
		    was == NULL ? NULL : &was[i], 500);
		put_quantile(table, &module->histograms[i],
		    was == NULL ? NULL : &was[i], 990);
		put_quantile(table, &module->histograms[i],
		    was == NULL ? NULL : &was[i], 999);
	}
	format_bytes(view_held(module), text, sizeof(text));
	table_number(table, (double)view_held(module), text);
}

void
view_modules(struct table *table, const struct collect_status *now,
    const struct collect_status *before)
{
	static const struct table_column columns[] = {
		{ "module", false },
		{ "pool", false },
		{ "state", false },
		{ "crashes", true },
		{ "calls", true },
		{ "calls/s", true },
		{ "errors", true },
		{ "p50", true },
		{ "p99", true },
		{ "p99.9", true },
		{ "wait p50", true },
		{ "p99", true },
		{ "p99.9", true },
		{ "memory", true },
	};
	size_t i;

	_Static_assert(MODULE_HISTOGRAMS == 2, "callback and pending");
	table_init(table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < now->totals.module_count; i++)
		put_module(table, &now->totals.modules[i], now, before);
}

/* --- Requests ---------------------------------------------------------- */

bool
view_takes(const struct view_filter *filter,
    const struct collect_request *request, uint64_t now_ns)
{
	const uint64_t age =
	    now_ns > request->started_ns ? now_ns - request->started_ns : 0;
	char client[FORMAT_SIZE];

	if (filter->worker != 0 && filter->worker != request->worker)
		return (false);
	if (filter->module != NULL &&
	    strcmp(filter->module, request->module) != 0)
		return (false);
	if (age < filter->min_ns)
		return (false);
	if (filter->client == NULL)
		return (true);
	format_client(&request->peer, client, sizeof(client));
	return (strcmp(filter->client, client) == 0);
}

static void
put_since(struct table *table, uint64_t since_ns, uint64_t now_ns)
{
	put_duration(
	    table, since_ns != 0 && now_ns > since_ns ? now_ns - since_ns : 0);
}

static void
put_request(
    struct table *table, const struct collect_request *request, uint64_t now_ns)
{
	char text[FORMAT_SIZE];

	format_request(request->request, text, sizeof(text));
	table_text(table, text);
	put_number(table, request->worker);
	format_client(&request->peer, text, sizeof(text));
	table_text(table, text);
	table_text(table, format_stand(request->stand));
	table_text(table, request->module[0] != '\0' ? request->module : "-");
	table_text(table, request->step[0] != '\0' ? request->step : "-");
	put_since(table, request->since_ns, now_ns);
	put_since(table, request->started_ns, now_ns);
	table_text(table, request->text[0] != '\0' ? request->text : "-");
}

void
view_requests(struct table *table, const struct collect_status *status,
    const struct view_filter *filter)
{
	static const struct table_column columns[] = {
		{ "request", false },
		{ "worker", true },
		{ "client", false },
		{ "state", false },
		{ "module", false },
		{ "stage", false },
		{ "there for", true },
		{ "in all", true },
		{ "asks for", false },
	};
	const struct collect_worker *worker;
	size_t i, k;

	table_init(table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < status->worker_count; i++) {
		worker = &status->workers[i];
		for (k = 0; k < worker->request_count; k++)
			if (view_takes(
				filter, &worker->requests[k], status->now_ns))
				put_request(table, &worker->requests[k],
				    status->now_ns);
	}
}

const struct message_status_module *
view_state(
    const struct collect_status *status, const struct figures_module *module)
{
	size_t i;

	for (i = 0; i < status->module_count; i++)
		if (strcmp(status->modules[i].name, module->name) == 0 &&
		    strcmp(status->modules[i].pool, module->pool) == 0)
			return (&status->modules[i]);
	return (NULL);
}
