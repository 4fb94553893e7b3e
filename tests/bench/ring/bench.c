/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the ring's benchmark share: cores, ticks, figures.
 */
#include "bench.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

void
bench_init(struct bench *bench)
{
	const uint64_t calibration_ns = 20 * CLOCK_NS_PER_MS;
	uint64_t began, began_ticks, now;
	cpu_set_t set;
	size_t cpu;
	int found = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		err(1, "sched_getaffinity");
	for (cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			bench->cpus[found++] = cpu;
	if (found < 2) {
		warnx("one core only: what needs two is meaningless");
		bench->cpus[1] = bench->cpus[0];
	}
	began = clock_now();
	began_ticks = bench_ticks();
	do
		now = clock_now();
	while (now - began < calibration_ns);
	bench->ns_per_tick =
	    (double)(now - began) / (double)(bench_ticks() - began_ticks);
}

void
bench_pin(const struct bench *bench, unsigned role)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(bench->cpus[role % 2], &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		err(1, "sched_setaffinity");
}

void
bench_spin(const struct bench *bench, unsigned ns)
{
	const uint64_t ticks = (uint64_t)((double)ns / bench->ns_per_tick);
	const uint64_t began = bench_ticks();

	while (bench_ticks() - began < ticks)
		;
}

unsigned
bench_count(const struct bench *bench, unsigned count)
{
	const unsigned scaled = (unsigned)((double)count * bench->scale);

	return (scaled > 64 ? scaled / 64 * 64 : 64);
}

void
bench_add(
    struct bench *bench, const char *scenario, const char *name, double value)
{
	struct figure *figure;
	unsigned i;

	for (i = 0; i < bench->figures_count; i++) {
		figure = &bench->figures[i];
		if (strcmp(figure->scenario, scenario) == 0 &&
		    strcmp(figure->name, name) == 0)
			break;
	}
	if (i == bench->figures_count) {
		if (i == BENCH_FIGURES_MAX)
			errx(1, "too many figures");
		bench->figures_count++;
		bench->figures[i] =
		    (struct figure){ .scenario = scenario, .name = name };
	}
	figure = &bench->figures[i];
	if (figure->count < BENCH_ROUNDS_MAX)
		figure->values[figure->count++] = value;
}

bool
bench_wants(const struct bench *bench, const char *scenario)
{
	return (bench->only == NULL || strstr(scenario, bench->only) != NULL);
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

double
bench_median(double *values, unsigned count)
{
	if (count == 0)
		return (0);
	qsort(values, count, sizeof(values[0]), compare);
	return (count % 2 == 1
		    ? values[count / 2]
		    : (values[count / 2 - 1] + values[count / 2]) / 2);
}

double
bench_typical(double *samples, unsigned count)
{
	const unsigned from = count / 4, to = count - count / 4;
	double sum = 0;
	unsigned i;

	if (count == 0)
		return (0);
	qsort(samples, count, sizeof(samples[0]), compare);
	for (i = from; i < to; i++)
		sum += samples[i];
	return (sum / (to - from));
}
