/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All figures as OpenMetrics text, which Prometheus scrapes. Names, units and
 * help are those of stats.def: bulkhead_<name>, with the unit and, for a
 * counter, _total behind. A family's samples stand together, as the format
 * wants it.
 */
#include "shm/base/clock.h"
#include "shm/ctl/render.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	NAME_SIZE = 96,
	LABELS_SIZE = 512,
	/* A histogram's bounds here: each power of two from 256 ns. */
	BOUND_STEP = HISTOGRAM_STEPS,
	BOUND_FIRST = 2 * HISTOGRAM_STEPS - 1,
};

/* The figures that a family's samples come from. */
enum scope {
	SCOPE_SERVER, /* totals */
	SCOPE_WORKER, /* of each living worker */
};

/* One family: its samples' name, without _total or _bucket. */
struct family {
	char name[NAME_SIZE];
	enum stat_kind kind;
};

static const char *const types[] = {
	[STAT_COUNTER] = "counter",
	[STAT_GAUGE] = "gauge",
	[STAT_HISTOGRAM] = "histogram",
};

/* "bulkhead_worker_" + name + unit: bytes_sent in bytes is sent_bytes. */
static struct family
begin(FILE *out, const char *prefix, const struct stat_info *info)
{
	struct family family = { .kind = info->kind };
	const char *name = info->name, *unit = info->unit;
	size_t length = strlen(unit);

	if (info->kind == STAT_HISTOGRAM)
		unit = "seconds";
	if (length > 0 && strncmp(name, unit, length) == 0 &&
	    name[length] == '_')
		name += length + 1;
	(void)snprintf(family.name, sizeof(family.name), "bulkhead_%s%s%s%s",
	    prefix, name, *unit != '\0' ? "_" : "", unit);
	(void)fprintf(out, "# TYPE %s %s\n", family.name, types[info->kind]);
	if (*unit != '\0')
		(void)fprintf(out, "# UNIT %s %s\n", family.name, unit);
	(void)fprintf(out, "# HELP %s %s.\n", family.name, info->help);
	return (family);
}

/* name="value", for a list: quoted, and nothing that isn't printable. */
static void
add_label(char *labels, const char *name, const char *value)
{
	size_t end = strlen(labels);
	int length;

	length = snprintf(labels + end, LABELS_SIZE - end, "%s%s=\"",
	    end > 0 ? "," : "", name);
	end += length > 0 ? (size_t)length : 0;
	for (; *value != '\0' && end + 4 < LABELS_SIZE; value++) {
		if (*value == '"' || *value == '\\')
			labels[end++] = '\\';
		labels[end++] = *value >= ' ' && *value < 0x7f ? *value : '?';
	}
	if (end + 2 <= LABELS_SIZE) {
		labels[end++] = '"';
		labels[end] = '\0';
	}
}

static void
add_number_label(char *labels, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	add_label(labels, name, text);
}

static void
sample(
    FILE *out, const struct family *family, const char *labels, uint64_t value)
{
	(void)fprintf(out, "%s%s%s%s%s %" PRIu64 "\n", family->name,
	    family->kind == STAT_COUNTER ? "_total" : "",
	    *labels != '\0' ? "{" : "", labels, *labels != '\0' ? "}" : "",
	    value);
}

static void
sample_histogram(FILE *out, const struct family *family, const char *labels,
    const struct histogram *histogram)
{
	const char *comma = *labels != '\0' ? "," : "";
	const char *open = *labels != '\0' ? "{" : "";
	const char *close = *labels != '\0' ? "}" : "";
	uint64_t count = 0;
	uint32_t i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		count += histogram->buckets[i];
		if (i >= BOUND_FIRST && i < HISTOGRAM_OVER &&
		    (i - BOUND_FIRST) % BOUND_STEP == 0)
			(void)fprintf(out,
			    "%s_bucket{%s%sle=\"%.12g\"} %" PRIu64 "\n",
			    family->name, labels, comma,
			    (double)histogram_bound(i) /
				(double)CLOCK_NS_PER_SEC,
			    count);
	}
	(void)fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n",
	    family->name, labels, comma, count);
	(void)fprintf(out, "%s_sum%s%s%s %" PRIu64 ".%09" PRIu64 "\n",
	    family->name, open, labels, close,
	    histogram->sum / CLOCK_NS_PER_SEC,
	    histogram->sum % CLOCK_NS_PER_SEC);
	(void)fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", family->name, open,
	    labels, close, count);
}

/* One of the master's own figures. */
static void
put_master(FILE *out, const char *name, enum stat_kind kind, const char *help,
    uint64_t value)
{
	const struct stat_info info = { name, "", help, kind };
	const struct family family = begin(out, "master_", &info);

	sample(out, &family, "", value);
}

static void
render_master(FILE *out, const struct message_status_master *m)
{
	char labels[LABELS_SIZE] = "";

	add_label(labels, "version", m->version);
	(void)fprintf(out,
	    "# TYPE bulkhead info\n"
	    "# HELP bulkhead The server.\n"
	    "bulkhead_info{%s} 1\n",
	    labels);
	(void)fprintf(out,
	    "# TYPE bulkhead_master_uptime_seconds gauge\n"
	    "# UNIT bulkhead_master_uptime_seconds seconds\n"
	    "# HELP bulkhead_master_uptime_seconds Since the master's start.\n"
	    "bulkhead_master_uptime_seconds %.3f\n",
	    m->now_ns > m->started_ns
		? (double)(m->now_ns - m->started_ns) / (double)CLOCK_NS_PER_SEC
		: 0.0);
	put_master(out, "connections_accepted", STAT_COUNTER,
	    "Connections accepted", m->accepted);
	put_master(out, "connections_open", STAT_GAUGE, "Connections open now",
	    m->connections_open);
	put_master(out, "connections_max", STAT_GAUGE,
	    "Connections that may be open at once", m->connections_max);
	put_master(out, "handover_queue", STAT_GAUGE,
	    "Connections that wait for a worker", m->handover_queue);
	put_master(out, "workers", STAT_GAUGE, "Workers that there shall be",
	    m->workers);
	put_master(out, "workers_started", STAT_COUNTER,
	    "Workers started, replacements included", m->workers_started);
	put_master(out, "workers_died", STAT_COUNTER,
	    "Workers that ended unasked", m->workers_died);
}

static void
worker_labels(const struct collect_worker *worker, char *ret_labels)
{
	*ret_labels = '\0';
	if (worker->pool[0] != '\0')
		add_label(ret_labels, "pool", worker->pool);
	add_number_label(ret_labels, "worker", worker->info.worker);
}

static void
module_labels(const struct figures_module *module,
    const struct collect_worker *worker, char *ret_labels)
{
	*ret_labels = '\0';
	if (module->pool[0] != '\0')
		add_label(ret_labels, "pool", module->pool);
	if (worker != NULL)
		add_number_label(ret_labels, "worker", worker->info.worker);
	add_label(ret_labels, "module", module->name);
}

static void
render_worker_states(FILE *out, const struct collect_status *status)
{
	const struct message_status_worker *info;
	char labels[LABELS_SIZE];
	size_t i;

	(void)fputs("# TYPE bulkhead_worker info\n"
		    "# HELP bulkhead_worker A worker's process.\n",
	    out);
	for (i = 0; i < status->worker_count; i++) {
		info = &status->workers[i].info;
		worker_labels(&status->workers[i], labels);
		add_number_label(labels, "pid", info->pid);
		add_number_label(labels, "incarnation", info->incarnation);
		add_label(labels, "state", info->state_name);
		(void)fprintf(out, "bulkhead_worker_info{%s} 1\n", labels);
	}
}

/* Figure ${index}: of the server, then of each worker in its own family. */
static void
render_worker_stat(FILE *out, const struct collect_status *status, size_t index)
{
	const struct stat_info *info = &worker_stat_info[index];
	struct family family;
	char labels[LABELS_SIZE];
	size_t i;

	family = begin(out, "", info);
	sample(out, &family, "", status->totals.stats[index]);
	family = begin(out, "worker_", info);
	for (i = 0; i < status->worker_count; i++) {
		if (!status->workers[i].readable)
			continue;
		worker_labels(&status->workers[i], labels);
		sample(out, &family, labels,
		    status->workers[i].figures.stats[index]);
	}
}

static void
render_worker_histogram(
    FILE *out, const struct collect_status *status, size_t index)
{
	const struct stat_info *info = &worker_histogram_info[index];
	struct family family;
	char labels[LABELS_SIZE];
	size_t i;

	family = begin(out, "", info);
	sample_histogram(out, &family, "", &status->totals.histograms[index]);
	family = begin(out, "worker_", info);
	for (i = 0; i < status->worker_count; i++) {
		if (!status->workers[i].readable)
			continue;
		worker_labels(&status->workers[i], labels);
		sample_histogram(out, &family, labels,
		    &status->workers[i].figures.histograms[index]);
	}
}

/* The operations, of the server or of each worker. */
static void
render_completions(
    FILE *out, const struct collect_status *status, enum scope scope)
{
	static const struct stat_info info = { "completions", "",
		"Completions dispatched, by operation", STAT_COUNTER };
	const size_t count = scope == SCOPE_SERVER ? 1 : status->worker_count;
	const struct figures *figures = &status->totals;
	struct family family;
	char labels[LABELS_SIZE];
	size_t i;
	uint16_t op;

	family = begin(out, scope == SCOPE_SERVER ? "" : "worker_", &info);
	for (i = 0; i < count; i++) {
		if (scope == SCOPE_WORKER)
			figures = &status->workers[i].figures;
		if (scope == SCOPE_WORKER && !status->workers[i].readable)
			continue;
		for (op = 0; op < SEGMENT_OPERATIONS; op++) {
			if (operation_name(op) == NULL)
				continue;
			labels[0] = '\0';
			if (scope == SCOPE_WORKER)
				worker_labels(&status->workers[i], labels);
			add_label(labels, "operation", operation_name(op));
			sample(out, &family, labels, figures->completions[op]);
		}
	}
}

/*
 * Figure ${index} of all modules of one set of figures; a histogram when it is
 * beyond the plain ones.
 */
static void
sample_modules(FILE *out, const struct family *family,
    const struct figures *figures, const struct collect_worker *worker,
    size_t index)
{
	const struct figures_module *module;
	char labels[LABELS_SIZE];
	size_t i;

	for (i = 0; i < figures->module_count; i++) {
		module = &figures->modules[i];
		module_labels(module, worker, labels);
		if (index < MODULE_FIGURES)
			sample(out, family, labels, module->stats[index]);
		else
			sample_histogram(out, family, labels,
			    &module->histograms[index - MODULE_FIGURES]);
	}
}

static void
render_module_stat(FILE *out, const struct collect_status *status, size_t index)
{
	const struct stat_info *info =
	    index < MODULE_FIGURES
		? &module_stat_info[index]
		: &module_histogram_info[index - MODULE_FIGURES];
	struct family family;
	size_t i;

	family = begin(out, "module_", info);
	sample_modules(out, &family, &status->totals, NULL, index);
	family = begin(out, "worker_module_", info);
	for (i = 0; i < status->worker_count; i++)
		if (status->workers[i].readable)
			sample_modules(out, &family,
			    &status->workers[i].figures, &status->workers[i],
			    index);
}

static void
state_labels(const struct message_status_module *module, char *ret_labels)
{
	*ret_labels = '\0';
	if (module->pool[0] != '\0')
		add_label(ret_labels, "pool", module->pool);
	add_label(ret_labels, "module", module->name);
}

/* What the master knows of them. */
static void
render_module_states(FILE *out, const struct collect_status *status)
{
	static const struct stat_info quarantined = { "quarantined", "",
		"1: the module isn't called", STAT_GAUGE };
	static const struct stat_info crashes = { "crashes", "",
		"Workers that died in the module", STAT_COUNTER };
	struct family family;
	char labels[LABELS_SIZE];
	size_t i;

	family = begin(out, "module_", &quarantined);
	for (i = 0; i < status->module_count; i++) {
		state_labels(&status->modules[i], labels);
		sample(
		    out, &family, labels, status->modules[i].quarantined != 0);
	}
	family = begin(out, "module_", &crashes);
	for (i = 0; i < status->module_count; i++) {
		state_labels(&status->modules[i], labels);
		sample(out, &family, labels, status->modules[i].crashes);
	}
}

int
render_prometheus(const struct collect_status *status, FILE *out)
{
	size_t i;

	errno = 0;
	render_master(out, &status->master);
	render_worker_states(out, status);
	/* Broken rules are told by module, below, under the same name. */
	for (i = 0; i < WORKER_FIGURES; i++)
		if (i != STAT_module_errors)
			render_worker_stat(out, status, i);
	render_completions(out, status, SCOPE_SERVER);
	render_completions(out, status, SCOPE_WORKER);
	for (i = 0; i < WORKER_HISTOGRAMS; i++)
		render_worker_histogram(out, status, i);
	render_module_states(out, status);
	for (i = 0; i < MODULE_FIGURES + MODULE_HISTOGRAMS; i++)
		render_module_stat(out, status, i);
	(void)fputs("# EOF\n", out);
	if (fflush(out) == EOF || ferror(out))
		return (errno != 0 ? -errno : -EIO);
	return (0);
}
