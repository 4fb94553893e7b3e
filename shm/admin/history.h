/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last quarter of an hour, a point a second, so that the page has its
 * plots at once. Bounded: the oldest point goes for the newest. Pure; who adds
 * points and who reads them agree on a lock.
 */
#ifndef SHM_ADMIN_HISTORY_H
#define SHM_ADMIN_HISTORY_H

#include "shm/ctl/collect.h"

#include <stdint.h>
#include <stdio.h>

enum {
	HISTORY_POINTS = 900,
	HISTORY_STEP_MS = 1000,
	HISTORY_MODULES = 32,
};

/*
 * Every series once: RATE is what a counter grows by in a second, LEVEL is
 * what a gauge says, TIME a quantile of the requests of that second, in us.
 */
enum history_series {
#define SERIES(name, kind, source) HISTORY_##name,
#include "shm/admin/history.def"
#undef SERIES
	HISTORY_SERIES
};

/* What a module did in a second. Times are of its callbacks, in us. */
struct history_module {
	uint32_t calls;
	uint32_t p50;
	uint32_t p95;
	uint32_t p99;
};

struct history_point {
	uint64_t time_ms; /* since 1970 */
	uint64_t values[HISTORY_SERIES];
	struct history_module modules[HISTORY_MODULES];
};

struct history {
	struct history_point *points;
	uint64_t next; /* points so far: the next one's number */
	size_t module_count;
	char modules[HISTORY_MODULES][SEGMENT_MODULE_NAME];
	/* What the counters said last, to tell what they grew by. */
	struct figures before;
	uint64_t died_before;
	uint64_t before_ns; /* 0: nothing yet */
};

/* history_init(history): 0 or -ENOMEM. history_fini(): a cleared one is fine.
 */
int history_init(struct history *history);
void history_fini(struct history *history);

/*
 * history_add(history, status, time_ms):
 * One point more. The first look only says where the counters begin: it makes
 * none. Returns 0 or -ENOMEM, without a point.
 */
int history_add(struct history *history, const struct collect_status *status,
    uint64_t time_ms);

/*
 * history_render(history, since, out):
 * JSON: the points from number ${since} on, as far as they are still there.
 * "first" is the first one's number, "next" what to ask for next time;
 * time_ms, each of "series" and each of "modules".* have one value a point.
 * Returns 0 or -errno.
 */
int history_render(const struct history *history, uint64_t since, FILE *out);

#endif
