/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.ring [--quick] [--json] [--rounds N] [--raise] [--only TEXT]
 *
 * --only measures the scenarios with TEXT in their name; --raise asks for
 * the highest priority, where others use the machine.
 *
 * What a completion costs through Bulkhead's ring, against the best known
 * rings, against the kernel's ways, and against what the machine itself
 * takes: all in one run, as ratios. Each round measures everything once, so
 * that a disturbance meets all of it and not one contestant.
 *
 * Nothing here passes or fails by time. The status is 1 when a completion
 * was lost, came twice or came altered.
 */
#include "contest.h"

#include <bsd/stdlib.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/resource.h>

/* A scenario between threads, and who takes part. */
struct contest {
	const char *scenario;
	struct plan plan;
	const struct entrant *entrants[12];
};

#define POLLING_RINGS                                                        \
	&entrant_ours, &entrant_ours_claim, &entrant_lanes, &entrant_vyukov, \
	    &entrant_vyukov_clock, &entrant_ck
#define SIGNALLED \
	&entrant_ck_eventfd, &entrant_pipe, &entrant_mutex, &entrant_mq

static const struct entrant *const publishers[] = { &entrant_lane_group,
	&entrant_ours, &entrant_ours_claim, &entrant_lanes, &entrant_vyukov,
	&entrant_vyukov_clock, &entrant_ck, NULL };

static const struct entrant *const same_thread[] = { &entrant_lane,
	&entrant_lane_reserving, &entrant_lane_recording, POLLING_RINGS,
	&entrant_vyukov_small, SIGNALLED, NULL };

static const struct contest contests[] = {
	{ SCENARIO_LATENCY, { PACE_HANDLED, 1, 1, 1024, false, 0 },
	    { POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_STREAM_1, { PACE_STREAM, 1, 1, 16384, false, 0 },
	    { POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_BUSY, { PACE_STREAM, 1, 1, 8192, false, 100 },
	    { POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_STREAM_2, { PACE_STREAM, 2, 1, 8192, false, 0 },
	    { POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_STREAM_3, { PACE_STREAM, 3, 1, 5440, false, 0 },
	    { POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_STREAM_4, { PACE_STREAM, 4, 1, 4096, false, 0 },
	    { POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_BATCH, { PACE_STREAM, 1, 16, 16384, false, 0 },
	    { &entrant_ours_batch, POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_BURST, { PACE_HANDLED, 1, 16, 4096, false, 0 },
	    { &entrant_ours_batch, POLLING_RINGS, SIGNALLED } },
	{ SCENARIO_ASLEEP, { PACE_ASLEEP, 1, 1, 128, true, 0 },
	    { &entrant_ours, &entrant_ours_claim, &entrant_lanes,
		&entrant_vyukov_eventfd, SIGNALLED } },
};

#define LONGEST_NS (45 * CLOCK_NS_PER_SEC)

struct options {
	unsigned rounds;
	bool json;
	bool raise;
};

/* System calls take longer: fewer of them in the same time. */
static unsigned
count_for(const struct bench *bench, const struct contestant *contestant,
    const struct plan *plan)
{
	const bool fewer = contestant->slow && plan->pace == PACE_STREAM;

	return (bench_count(bench, fewer ? plan->count / 8 : plan->count));
}

static void
hold_contest(struct bench *bench, const struct contest *contest)
{
	const struct entrant *const *entrant;
	struct outcome outcome;
	struct plan plan;

	for (entrant = contest->entrants; *entrant != NULL; entrant++) {
		plan = contest->plan;
		plan.count = count_for(bench, (*entrant)->contestant, &plan);
		if ((*entrant)->cross(bench, &plan, &outcome))
			bench_add(bench, contest->scenario,
			    (*entrant)->contestant->name, outcome.ns);
	}
}

static void
hold_publishing(struct bench *bench)
{
	const struct entrant *const *entrant;
	double ns;

	for (entrant = publishers; *entrant != NULL; entrant++)
		if ((*entrant)->publish(bench, bench_count(bench, 16384), &ns))
			bench_add(bench, SCENARIO_PUBLISH,
			    (*entrant)->contestant->name, ns);
}

/* Those that need no system call: a turn wouldn't fit into the others. */
static void
hold_turns(struct bench *bench)
{
	static const struct entrant *const rings[] = { POLLING_RINGS, NULL };
	const struct entrant *const *entrant;
	struct sides sides;

	for (entrant = rings; *entrant != NULL; entrant++)
		if ((*entrant)->turns(bench, 16, &sides)) {
			bench_add(bench, SCENARIO_PUSHING,
			    (*entrant)->contestant->name, sides.push);
			bench_add(bench, SCENARIO_POPPING,
			    (*entrant)->contestant->name, sides.pop);
		}
}

static void
hold_same_thread(struct bench *bench)
{
	const struct entrant *const *entrant;
	unsigned count;
	double ns;

	for (entrant = same_thread; *entrant != NULL; entrant++) {
		count = (*entrant)->contestant->slow ? 2048 : 65536;
		if ((*entrant)->same_thread(
			bench, bench_count(bench, count), &ns))
			bench_add(bench, SCENARIO_SAME,
			    (*entrant)->contestant->name, ns);
	}
}

/* How often is a consumer that sleeps when it may woken at all? */
static void
count_wakes(struct bench *bench)
{
	const struct plan idle = { PACE_STREAM, 1, 1, bench_count(bench, 8192),
		true, 0 };
	const struct plan busy = { PACE_STREAM, 1, 1, bench_count(bench, 8192),
		true, 2000 };
	struct outcome outcome;

	if (entrant_ours.cross(bench, &busy, &outcome))
		bench_add(bench, SCENARIO_WAKES, "bulkhead, handler 2 us",
		    outcome.wakes);
	if (entrant_mutex.cross(bench, &busy, &outcome))
		bench_add(bench, SCENARIO_WAKES, "mutex queue, handler 2 us",
		    outcome.wakes);
	if (entrant_ours.cross(bench, &idle, &outcome))
		bench_add(bench, SCENARIO_WAKES, "bulkhead, empty handler",
		    outcome.wakes);
	if (entrant_mutex.cross(bench, &idle, &outcome))
		bench_add(bench, SCENARIO_WAKES, "mutex queue, empty handler",
		    outcome.wakes);
}

static void
run_round(struct bench *bench)
{
	unsigned i;

	units_measure(bench);
	if (bench_wants(bench, SCENARIO_PUBLISH))
		hold_publishing(bench);
	if (bench_wants(bench, SCENARIO_SAME))
		hold_same_thread(bench);
	if (bench_wants(bench, SCENARIO_PUSHING))
		hold_turns(bench);
	for (i = 0; i < sizeof(contests) / sizeof(contests[0]); i++)
		if (bench_wants(bench, contests[i].scenario))
			hold_contest(bench, &contests[i]);
	if (bench_wants(bench, SCENARIO_WAKES))
		count_wakes(bench);
	if (bench_wants(bench, SCENARIO_DEAD))
		dead_measure(bench);
}

static void
parse_options(
    int argc, char **argv, struct bench *bench, struct options *options)
{
	static const struct option known[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "only", required_argument, NULL, 'o' },
		{ "raise", no_argument, NULL, 'R' },
		{ NULL, 0, NULL, 0 },
	};
	const char *problem = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'q') {
			bench->scale = 0.1;
			options->rounds = 3;
		} else if (option == 'j') {
			options->json = true;
		} else if (option == 'R') {
			options->raise = true;
		} else if (option == 'o') {
			bench->only = optarg;
		} else if (option == 'r') {
			options->rounds = (unsigned)strtonum(
			    optarg, 1, BENCH_ROUNDS_MAX, &problem);
			if (problem != NULL)
				errx(2, "--rounds %s: %s", optarg, problem);
		} else {
			errx(2, "usage: bench.ring [--quick] [--json] "
				"[--rounds N] [--raise] [--only TEXT]");
		}
	}
}

int
main(int argc, char **argv)
{
	static struct bench bench = { .scale = 1 }; /* large */
	struct options options = { .rounds = 25 };
	const uint64_t began = clock_now();
	unsigned round;

	parse_options(argc, argv, &bench, &options);
	if (options.raise && setpriority(PRIO_PROCESS, 0, -20) == -1)
		warn("can't raise the priority");
	bench_init(&bench);
	bench_pin(&bench, 0);
	for (round = 0; round < options.rounds; round++) {
		/* A busy machine gets fewer; the report says how many. */
		if (round > 1 && clock_now() - began > LONGEST_NS)
			break;
		run_round(&bench);
	}
	if (options.json)
		report_json(&bench, stdout);
	else
		report_table(&bench, stdout);
	return (bench.wrong == 0 ? 0 : 1);
}
