/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The figures as a table or as JSON. A ratio is that of two figures of one
 * round, so what disturbs both disturbs it less; printed is the median of the
 * rounds' ratios, and the ratio of the two minima, which is what is left when
 * nobody else had the machine.
 */
#include "bench.h"

#include <string.h>

/* What each scenario is compared with: a unit, and a contestant of its own. */
struct scenario {
	const char *name;
	const char *unit; /* NULL: none */
	const char *peer; /* likewise */
};

static const struct scenario scenarios[] = {
	{ SCENARIO_UNITS, "U1 locked add", NULL },
	{ SCENARIO_PUBLISH, "U1 locked add", "Vyukov" },
	{ SCENARIO_SAME, "U1 locked add", "Vyukov" },
	{ SCENARIO_PUSHING, "U2 line transfer", "Vyukov" },
	{ SCENARIO_POPPING, "U2 line transfer", "Vyukov" },
	{ SCENARIO_LATENCY, "U2 line transfer", "Vyukov" },
	{ SCENARIO_STREAM_1, "U2 line transfer", "Vyukov" },
	{ SCENARIO_BUSY, "U2 line transfer", "Vyukov" },
	{ SCENARIO_STREAM_2, "U3 contended add, 2 threads", "Vyukov" },
	{ SCENARIO_STREAM_3, "U3 contended add, 3 threads", "Vyukov" },
	{ SCENARIO_STREAM_4, "U3 contended add, 4 threads", "Vyukov" },
	{ SCENARIO_BATCH, "U2 line transfer", "Vyukov" },
	{ SCENARIO_BURST, "U2 line transfer", "Vyukov" },
	{ SCENARIO_ASLEEP, "U4 eventfd wake", "ck_ring + eventfd" },
	{ SCENARIO_WAKES, NULL, NULL },
	{ SCENARIO_DEAD, NULL, NULL },
};
enum {
	SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0])
};

/* A figure's rounds in three numbers. */
struct summary {
	double median;
	double min;
	double max;
};

/* A figure against another one. */
struct ratio {
	double median;
	double of_minima;
};

static struct summary
summarize(const struct figure *figure)
{
	double sorted[BENCH_ROUNDS_MAX];
	struct summary summary;

	memcpy(sorted, figure->values, sizeof(sorted));
	summary.median = bench_median(sorted, figure->count);
	summary.min = sorted[0];
	summary.max = sorted[figure->count - 1];
	return (summary);
}

static struct ratio
compare(const struct figure *figure, const struct figure *base)
{
	double ratios[BENCH_ROUNDS_MAX];
	unsigned i;

	for (i = 0; i < figure->count && i < base->count; i++)
		ratios[i] = figure->values[i] / base->values[i];
	return ((struct ratio){
	    .median = bench_median(ratios, i),
	    .of_minima = summarize(figure).min / summarize(base).min,
	});
}

/* The figure ${name}, NULL when there is none or no name. */
static const struct figure *
find(const struct bench *bench, const char *scenario, const char *name)
{
	unsigned i;

	for (i = 0; name != NULL && i < bench->figures_count; i++)
		if (strcmp(bench->figures[i].scenario, scenario) == 0 &&
		    strcmp(bench->figures[i].name, name) == 0)
			return (&bench->figures[i]);
	return (NULL);
}

static void
put_ratio(FILE *out, const struct figure *figure, const struct figure *base)
{
	struct ratio ratio;

	if (base == NULL)
		return;
	ratio = compare(figure, base);
	(void)fprintf(out, "   %8.2f %8.2f", ratio.median, ratio.of_minima);
}

static void
put_scenario(
    const struct bench *bench, const struct scenario *scenario, FILE *out)
{
	const struct figure *unit, *peer, *figure;
	struct summary summary;
	bool began = false;
	unsigned i;

	unit = find(bench, SCENARIO_UNITS, scenario->unit);
	peer = find(bench, scenario->name, scenario->peer);
	for (i = 0; i < bench->figures_count; i++) {
		figure = &bench->figures[i];
		if (strcmp(figure->scenario, scenario->name) != 0)
			continue;
		if (!began)
			(void)fprintf(out,
			    "\n%-42s %10s %10s %10s   %-17s   %s\n",
			    scenario->name, "median", "min", "max",
			    unit != NULL ? scenario->unit : "",
			    peer != NULL ? scenario->peer : "");
		began = true;
		summary = summarize(figure);
		(void)fprintf(out, "  %-40s %10.5g %10.5g %10.5g", figure->name,
		    summary.median, summary.min, summary.max);
		put_ratio(out, figure, unit);
		put_ratio(out, figure, peer);
		(void)fprintf(out, "\n");
	}
}

/* What issue 3 wants, and what came out. */
struct target {
	const char *what;
	const char *scenario;
	const char *name;
	const char *base_scenario;
	const char *base;
	double limit;
};

static const struct target targets[] = {
	{ "publish", SCENARIO_PUBLISH, "bulkhead", SCENARIO_UNITS,
	    "U1 locked add", 3.5 },
	{ "publish, claiming", SCENARIO_PUBLISH, "bulkhead, claiming",
	    SCENARIO_UNITS, "U1 locked add", 4.5 },
	{ "same thread", SCENARIO_SAME, "bulkhead, lane", SCENARIO_SAME,
	    "Vyukov", 1.2 },
	{ "same thread, recorded", SCENARIO_SAME, "bulkhead, lane, recorded",
	    SCENARIO_SAME, "Vyukov", 1.2 },
	{ "two cores polling, each", SCENARIO_STREAM_1, "bulkhead",
	    SCENARIO_STREAM_1, "Vyukov", 1.1 },
	{ "two cores polling, each", SCENARIO_STREAM_1, "bulkhead",
	    SCENARIO_STREAM_1, "ck_ring + eventfd", 1 },
	{ "two cores, handler 100 ns", SCENARIO_BUSY, "bulkhead", SCENARIO_BUSY,
	    "Vyukov", 1.1 },
	{ "two cores, handler 100 ns", SCENARIO_BUSY, "bulkhead", SCENARIO_BUSY,
	    "ck_ring + eventfd", 1 },
	{ "two cores polling, latency", SCENARIO_LATENCY, "bulkhead",
	    SCENARIO_LATENCY, "Vyukov", 1.1 },
	{ "two cores polling, latency", SCENARIO_LATENCY, "bulkhead",
	    SCENARIO_LATENCY, "ck_ring + eventfd", 1 },
	{ "sleeping consumer", SCENARIO_ASLEEP, "bulkhead", SCENARIO_UNITS,
	    "U4 eventfd wake", 1.15 },
	{ "wakes at saturation", SCENARIO_WAKES, "bulkhead, handler 2 us", NULL,
	    NULL, 0.01 },
	{ "helper dead, ns", SCENARIO_DEAD, "bulkhead", NULL, NULL, 1e6 },
};
enum {
	TARGETS = sizeof(targets) / sizeof(targets[0])
};

/* False: not measured in this run. */
static bool
judge(const struct bench *bench, const struct target *target,
    struct ratio *ret_ratio)
{
	const struct figure *figure, *base;

	figure = find(bench, target->scenario, target->name);
	if (figure == NULL)
		return (false);
	if (target->base == NULL) {
		*ret_ratio = (struct ratio){
			.median = summarize(figure).median,
			.of_minima = summarize(figure).min,
		};
		return (true);
	}
	base = find(bench, target->base_scenario, target->base);
	if (base == NULL)
		return (false);
	*ret_ratio = compare(figure, base);
	return (true);
}

void
report_table(const struct bench *bench, FILE *out)
{
	struct ratio ratio;
	unsigned i;

	(void)fprintf(out,
	    "%u rounds; nanoseconds, then how many times the column's unit or "
	    "contestant:\nthe median of the rounds' ratios, and the ratio of "
	    "the minima.\n",
	    bench->figures_count > 0 ? bench->figures[0].count : 0);
	for (i = 0; i < SCENARIOS; i++)
		put_scenario(bench, &scenarios[i], out);
	(void)fprintf(out, "\n%-28s %-20s %10s %10s %10s\n", "target", "times",
	    "at most", "median", "minima");
	for (i = 0; i < TARGETS; i++)
		if (judge(bench, &targets[i], &ratio))
			(void)fprintf(out,
			    "  %-26s %-20s %10.5g %10.4g %10.4g  %s\n",
			    targets[i].what,
			    targets[i].base != NULL ? targets[i].base : "",
			    targets[i].limit, ratio.median, ratio.of_minima,
			    ratio.median <= targets[i].limit ? "reached"
			    : ratio.of_minima <= targets[i].limit
				? "reached by the minima"
				: "missed");
		else
			(void)fprintf(
			    out, "  %-26s not measured\n", targets[i].what);
	(void)fprintf(out, "\n%llu completions delivered once, %llu wrong\n",
	    (unsigned long long)bench->delivered,
	    (unsigned long long)bench->wrong);
}

static void
put_json_ratio(FILE *out, const char *key, const char *name,
    const struct figure *figure, const struct figure *base)
{
	struct ratio ratio;

	if (base == NULL)
		return;
	ratio = compare(figure, base);
	(void)fprintf(out,
	    ", \"%s\": {\"of\": \"%s\", \"median\": %.6g, "
	    "\"minima\": %.6g}",
	    key, name, ratio.median, ratio.of_minima);
}

/* Names hold nothing that JSON would have escaped. */
void
report_json(const struct bench *bench, FILE *out)
{
	const struct scenario *scenario;
	const struct figure *figure;
	struct summary summary;
	unsigned i, j;

	(void)fprintf(out,
	    "{\"delivered\": %llu, \"wrong\": %llu,\n"
	    " \"figures\": [",
	    (unsigned long long)bench->delivered,
	    (unsigned long long)bench->wrong);
	for (i = 0; i < bench->figures_count; i++) {
		figure = &bench->figures[i];
		for (j = 0; strcmp(scenarios[j].name, figure->scenario) != 0;)
			j++;
		scenario = &scenarios[j];
		summary = summarize(figure);
		(void)fprintf(out,
		    "%s\n  {\"scenario\": \"%s\", \"name\": \"%s\", "
		    "\"rounds\": %u, \"median\": %.6g, \"min\": %.6g, "
		    "\"max\": %.6g",
		    i > 0 ? "," : "", figure->scenario, figure->name,
		    figure->count, summary.median, summary.min, summary.max);
		put_json_ratio(out, "unit", scenario->unit, figure,
		    find(bench, SCENARIO_UNITS, scenario->unit));
		put_json_ratio(out, "peer", scenario->peer, figure,
		    find(bench, figure->scenario, scenario->peer));
		(void)fprintf(out, "}");
	}
	(void)fprintf(out, "\n ]}\n");
}
