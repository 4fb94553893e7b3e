/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The measure of DESIGN section 10: busy and idle keep-alive clients, and a
 * worker killed, or something else done, at each interval. Any server will do
 * whose workers are children of one process.
 */
#ifndef TESTS_CRASH_STORM_LOAD_H
#define TESTS_CRASH_STORM_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct storm_result;

struct storm {
	uint16_t port;
	pid_t master;
	const char *worker; /* its workers' name: "bulkhead-worker", "nginx" */
	const char
	    *target; /* of every request; its answer is always the same */
	unsigned busy, idle, kills;
	unsigned interval_ms;
	unsigned calm_ms; /* before the first kill */
	int signal;
	/* What to do instead of a kill; it counts itself in the result. */
	void (*strike)(const struct storm *storm, struct storm_result *result);
	void *argument; /* for strike() */
};

struct storm_result {
	uint64_t answers;
	uint64_t busy_errors; /* requests that weren't answered so */
	uint64_t busy_resets; /* of these, by a reset */
	uint64_t busy_wrong;  /* of these, by another answer */
	uint64_t idle_lost;   /* idle connections that ended */
	uint64_t idle_errors; /* that didn't, but gave no answer afterwards */
	double calm_ms;       /* slowest answer before the first kill */
	double slowest_ms;    /* and of those asked for since */
	unsigned killed;      /* or struck */
	const char *first_error;
};

/*
 * storm_run(storm, ret_result):
 * Takes the calm and an interval for each kill. The first answer, a 200, is
 * what all others must be equal to, byte for byte. When a client waits for
 * half a second, it is told what the server's processes do meanwhile, and
 * again at each doubling.
 */
void storm_run(const struct storm *storm, struct storm_result *ret_result);

#endif
