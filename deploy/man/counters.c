/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints bulkhead-counters(7) from shm/stats.def, when the tree is built.
 */
#include <stdio.h>
#include <stdlib.h>

static void
print_stat(
    const char *name, const char *kind, const char *unit, const char *help)
{
	(void)printf(".It Va %s Pq %s%s%s\n%s.\n", name, kind,
	    *unit == '\0' ? "" : ", ", unit, help);
}

#define KIND_COUNTER   "counter"
#define KIND_GAUGE     "gauge"
#define KIND_HISTOGRAM "histogram"

static void
print_worker_stats(void)
{
	(void)puts(".Sh WORKERS\n"
		   "Of each worker, and summed up for the server.\n"
		   ".Bl -tag -width Ds");
#define WORKER_STAT(name, kind, unit, help) \
	print_stat(#name, KIND_##kind, unit, help);
#define WORKER_HISTOGRAM(name, help) \
	print_stat(#name, KIND_HISTOGRAM, "ns", help);
#include "shm/stats.def"
	(void)puts(".El");
}

static void
print_module_stats(void)
{
	(void)puts(".Sh MODULES\n"
		   "Of each module in each worker, and summed up.\n"
		   ".Bl -tag -width Ds");
#define MODULE_STAT(name, kind, unit, help) \
	print_stat(#name, KIND_##kind, unit, help);
#define MODULE_HISTOGRAM(name, help) \
	print_stat(#name, KIND_HISTOGRAM, "ns", help);
#include "shm/stats.def"
	(void)puts(".El");
}

int
main(void)
{
	(void)puts(
	    ".\\\" SPDX-License-Identifier: BSD-2-Clause\n"
	    ".\\\" Made from shm/stats.def.\n"
	    ".Dd November 20, 2026\n"
	    ".Dt BULKHEAD-COUNTERS 7\n"
	    ".Os\n"
	    ".Sh NAME\n"
	    ".Nm bulkhead-counters\n"
	    ".Nd figures of a Bulkhead server\n"
	    ".Sh DESCRIPTION\n"
	    "Each worker keeps these figures in its shared memory.\n"
	    ".Xr bulkheadctl 1\n"
	    "and the metrics endpoint read them there.\n"
	    "A counter only grows; a worker that was replaced takes its\n"
	    "counters along into the server's totals.\n"
	    "A gauge goes up and down and ends with its worker.\n"
	    "A histogram counts how often something took how long, in steps\n"
	    "of a few per cent.");
	print_worker_stats();
	print_module_stats();
	(void)puts(".Sh SEE ALSO\n"
		   ".Xr bulkheadctl 1 ,\n"
		   ".Xr bulkhead 8");
	return (ferror(stdout) != 0 || fflush(stdout) != 0 ? EXIT_FAILURE
							   : EXIT_SUCCESS);
}
