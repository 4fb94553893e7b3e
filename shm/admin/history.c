/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/admin/history.h"

#include "shm/base/clock.h"

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum series_kind {
	SERIES_RATE,
	SERIES_LEVEL,
	SERIES_TIME,
	SERIES_OTHER
};

static const struct {
	const char *name;
	enum series_kind kind;
	unsigned source;
} series[HISTORY_SERIES] = {
#define SERIES(name, kind, source) { #name, SERIES_##kind, (source) },
#include "shm/admin/history.def"
#undef SERIES
};

int
history_init(struct history *history)
{
	memset(history, 0, sizeof(*history));
	history->points = calloc(HISTORY_POINTS, sizeof(*history->points));
	return (history->points == NULL ? -ENOMEM : 0);
}

void
history_fini(struct history *history)
{
	figures_free(&history->before);
	free(history->points);
	memset(history, 0, sizeof(*history));
}

/* A worker's death may take its counters along: then nothing has grown. */
static uint64_t
growth(uint64_t before, uint64_t now, double seconds)
{
	if (now <= before)
		return (0);
	return ((uint64_t)((double)(now - before) / seconds + 0.5));
}

static uint32_t
microseconds(uint64_t ns)
{
	uint64_t us = (ns + 500) / 1000;

	return (us > UINT32_MAX ? UINT32_MAX : (uint32_t)us);
}

/* What came into a histogram since then. */
static void
difference(const struct histogram *now, const struct histogram *before,
    struct histogram *ret_difference)
{
	*ret_difference = *now;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		ret_difference->buckets[i] -=
		    before->buckets[i] < now->buckets[i] ? before->buckets[i]
							 : now->buckets[i];
}

/* The place of a module's series; HISTORY_MODULES when all are taken. */
static size_t
find_module(struct history *history, const char *name)
{
	char *place;
	size_t i;

	for (i = 0; i < history->module_count; i++)
		if (strcmp(history->modules[i], name) == 0)
			return (i);
	if (i < HISTORY_MODULES) {
		place = history->modules[history->module_count++];
		(void)strlcpy(place, name, SEGMENT_MODULE_NAME);
	}
	return (i);
}

/* Names in a segment may be anything; in the JSON they are themselves. */
static void
clean(const char *name, char ret_name[static SEGMENT_MODULE_NAME])
{
	size_t i;

	for (i = 0; i < SEGMENT_MODULE_NAME - 1 && name[i] != '\0'; i++)
		ret_name[i] = name[i] > ' ' && name[i] < 0x7f &&
				      name[i] != '"' && name[i] != '\\'
				  ? name[i]
				  : '?';
	ret_name[i] = '\0';
}

static const struct figures_module *
module_before(const struct figures *before, const struct figures_module *now)
{
	static const struct figures_module none;

	for (size_t i = 0; i < before->module_count; i++)
		if (strcmp(before->modules[i].name, now->name) == 0 &&
		    strcmp(before->modules[i].pool, now->pool) == 0)
			return (&before->modules[i]);
	return (&none);
}

/* The same module in two pools is one line: the busier one's times. */
static void
add_module(struct history *history, struct history_point *point,
    const struct figures_module *now, double seconds)
{
	const struct figures_module *before =
	    module_before(&history->before, now);
	struct history_module *module;
	char name[SEGMENT_MODULE_NAME];
	struct histogram times;
	uint64_t calls;
	size_t place;

	clean(now->name, name);
	place = find_module(history, name);
	if (place == HISTORY_MODULES)
		return;
	module = &point->modules[place];
	calls = growth(before->stats[MODULE_STAT_calls],
	    now->stats[MODULE_STAT_calls], seconds);
	if (calls > UINT32_MAX)
		calls = UINT32_MAX;
	if (calls >= module->calls) {
		difference(&now->histograms[MODULE_HISTOGRAM_callback_time],
		    &before->histograms[MODULE_HISTOGRAM_callback_time],
		    &times);
		module->p50 = microseconds(histogram_quantile(&times, 500));
		module->p95 = microseconds(histogram_quantile(&times, 950));
		module->p99 = microseconds(histogram_quantile(&times, 990));
	}
	module->calls += (uint32_t)calls;
}

static void
add_series(const struct history *history, struct history_point *point,
    const struct figures *now, double seconds)
{
	const struct figures *before = &history->before;
	struct histogram times;

	difference(&now->histograms[HISTOGRAM_request_time],
	    &before->histograms[HISTOGRAM_request_time], &times);
	for (size_t i = 0; i < HISTORY_SERIES; i++) {
		const unsigned source = series[i].source;

		switch (series[i].kind) {
		case SERIES_RATE:
			point->values[i] = growth(
			    before->stats[source], now->stats[source], seconds);
			break;
		case SERIES_LEVEL:
			point->values[i] = now->stats[source];
			break;
		case SERIES_TIME:
			point->values[i] =
			    microseconds(histogram_quantile(&times, source));
			break;
		case SERIES_OTHER:
			break;
		}
	}
}

static uint64_t
all_completions(const struct figures *figures)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SEGMENT_OPERATIONS; i++)
		sum += figures->completions[i];
	return (sum);
}

static void
add_point(struct history *history, const struct collect_status *status,
    uint64_t time_ms)
{
	const struct figures *now = &status->totals;
	struct history_point *point =
	    &history->points[history->next % HISTORY_POINTS];
	double seconds;

	seconds = (double)(status->master.now_ns - history->before_ns) /
		  (double)CLOCK_NS_PER_SEC;
	memset(point, 0, sizeof(*point));
	point->time_ms = time_ms;
	add_series(history, point, now, seconds);
	point->values[HISTORY_completions] = growth(
	    all_completions(&history->before), all_completions(now), seconds);
	point->values[HISTORY_connections] = status->master.connections_open;
	if (status->master.workers_died > history->died_before)
		point->values[HISTORY_deaths] =
		    status->master.workers_died - history->died_before;
	for (size_t i = 0; i < now->module_count; i++)
		add_module(history, point, &now->modules[i], seconds);
	history->next++;
}

int
history_add(struct history *history, const struct collect_status *status,
    uint64_t time_ms)
{
	struct figures copy;
	int error;

	memset(&copy, 0, sizeof(copy));
	error = figures_merge(&copy, &status->totals);
	if (error != 0) {
		figures_free(&copy);
		return (error);
	}
	if (history->before_ns != 0 &&
	    status->master.now_ns > history->before_ns)
		add_point(history, status, time_ms);
	figures_free(&history->before);
	history->before = copy;
	history->before_ns = status->master.now_ns;
	history->died_before = status->master.workers_died;
	return (0);
}

static const struct history_point *
point_at(const struct history *history, uint64_t number)
{
	return (&history->points[number % HISTORY_POINTS]);
}

static void
render_series(
    const struct history *history, uint64_t first, size_t which, FILE *out)
{
	for (uint64_t n = first; n < history->next; n++)
		(void)fprintf(out, "%s%" PRIu64, n == first ? "" : ",",
		    point_at(history, n)->values[which]);
}

static void
render_module(const struct history *history, uint64_t first, size_t which,
    size_t field, FILE *out)
{
	const struct history_module *module;

	for (uint64_t n = first; n < history->next; n++) {
		module = &point_at(history, n)->modules[which];
		(void)fprintf(out, "%s%" PRIu32, n == first ? "" : ",",
		    field == 0   ? module->calls
		    : field == 1 ? module->p50
		    : field == 2 ? module->p95
				 : module->p99);
	}
}

static void
render_modules(const struct history *history, uint64_t first, FILE *out)
{
	static const char *const fields[] = { "calls", "p50_us", "p95_us",
		"p99_us" };

	for (size_t i = 0; i < history->module_count; i++) {
		(void)fprintf(
		    out, "%s\"%s\":{", i == 0 ? "" : ",", history->modules[i]);
		for (size_t k = 0; k < 4; k++) {
			(void)fprintf(
			    out, "%s\"%s\":[", k == 0 ? "" : ",", fields[k]);
			render_module(history, first, i, k, out);
			(void)fputc(']', out);
		}
		(void)fputc('}', out);
	}
}

int
history_render(const struct history *history, uint64_t since, FILE *out)
{
	uint64_t first = since;

	/* A number from a server's earlier life is as good as none. */
	if (first > history->next)
		first = 0;
	if (history->next - first > HISTORY_POINTS)
		first = history->next - HISTORY_POINTS;
	(void)fprintf(out,
	    "{\"step_ms\":%d,\"first\":%" PRIu64 ",\"next\":%" PRIu64
	    ",\"time_ms\":[",
	    HISTORY_STEP_MS, first, history->next);
	for (uint64_t n = first; n < history->next; n++)
		(void)fprintf(out, "%s%" PRIu64, n == first ? "" : ",",
		    point_at(history, n)->time_ms);
	(void)fputs("],\"series\":{", out);
	for (size_t i = 0; i < HISTORY_SERIES; i++) {
		(void)fprintf(
		    out, "%s\"%s\":[", i == 0 ? "" : ",", series[i].name);
		render_series(history, first, i, out);
		(void)fputc(']', out);
	}
	(void)fputs("},\"modules\":{", out);
	render_modules(history, first, out);
	(void)fputs("}}\n", out);
	if (fflush(out) == EOF || ferror(out))
		return (errno != 0 ? -errno : -EIO);
	return (0);
}
