/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the allocator's counts. Runs in a worker.
 */
#include "worker/meter.h"

#include <stddef.h>

/* jemalloc's, if this program is linked with it. */
extern int mallctl(const char *name, void *old, size_t *old_size, void *new,
    size_t new_size) __attribute__((weak));

static const uint64_t none;

struct meter meter = { .allocated = &none, .freed = &none };

void
meter_put_down(_Atomic uint64_t *stats)
{
	const uint64_t allocated = *meter.allocated;
	const uint64_t freed = *meter.freed;

	if (stats != NULL) {
		stat_add(&stats[MODULE_STAT_allocated],
		    (int64_t)(allocated - meter.seen_allocated));
		stat_add(&stats[MODULE_STAT_freed],
		    (int64_t)(freed - meter.seen_freed));
	}
	meter.seen_allocated = allocated;
	meter.seen_freed = freed;
	meter.seen = allocated + freed;
}

static void
find(const char *name, const uint64_t **word)
{
	uint64_t *found = NULL;
	size_t size = sizeof(found);

	if (mallctl != NULL && mallctl(name, &found, &size, NULL, 0) == 0 &&
	    found != NULL)
		*word = found;
}

void
meter_init(void)
{
	find("thread.allocatedp", &meter.allocated);
	find("thread.deallocatedp", &meter.freed);
	meter_charge(NULL);
}
