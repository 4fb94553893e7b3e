/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the figures are called, and reading them. Master, tools.
 */
#include "shm/stats.h"

#define INFO(n, k, u, h)                                           \
	{                                                          \
		.name = #n, .kind = STAT_##k, .unit = u, .help = h \
	}

const struct stat_info worker_stat_info[WORKER_FIGURES] = {
#define WORKER_STAT(n, k, u, h) [STAT_##n] = INFO(n, k, u, h),
#include "shm/stats.def"
};

const struct stat_info worker_histogram_info[WORKER_HISTOGRAMS] = {
#define WORKER_HISTOGRAM(n, h) [HISTOGRAM_##n] = INFO(n, HISTOGRAM, "ns", h),
#include "shm/stats.def"
};

const struct stat_info module_stat_info[MODULE_FIGURES] = {
#define MODULE_STAT(n, k, u, h) [MODULE_STAT_##n] = INFO(n, k, u, h),
#include "shm/stats.def"
};

const struct stat_info module_histogram_info[MODULE_HISTOGRAMS] = {
#define MODULE_HISTOGRAM(n, h) \
	[MODULE_HISTOGRAM_##n] = INFO(n, HISTOGRAM, "ns", h),
#include "shm/stats.def"
};

static const char *const operations[SEGMENT_OPERATIONS] = {
#define OPERATION(name, number, text) [number] = text,
#include "shm/operations.def"
#undef OPERATION
};

const char *
operation_name(uint16_t op)
{
	return (op < SEGMENT_OPERATIONS ? operations[op] : NULL);
}

uint64_t
stats_read(const struct segment *segment, int module, uint32_t index)
{
	const _Atomic uint64_t *block;
	uint32_t words;

	if (module < 0) {
		block = stats_worker(segment);
		words = segment->stats_worker_words;
	} else {
		if ((uint32_t)module >= segment->geometry.modules)
			return (0);
		block = stats_module(segment, (uint32_t)module);
		words = segment->stats_module_words;
	}
	if (index >= words)
		return (0);
	return (atomic_load_explicit(&block[index], memory_order_relaxed));
}

void
stats_read_histogram(const struct segment *segment, int module, uint32_t which,
    struct histogram *ret_histogram)
{
	const uint32_t first = (module < 0 ? (uint32_t)STAT_histograms
					   : (uint32_t)MODULE_STAT_histograms) +
			       which * HISTOGRAM_WORDS;
	uint32_t i;

	ret_histogram->sum = stats_read(segment, module, first);
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		ret_histogram->buckets[i] =
		    stats_read(segment, module, first + 1 + i);
}
