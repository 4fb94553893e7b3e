/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying figures out of segments, and adding them up. Tools.
 */
#include "shm/ctl/figures.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
read_module(const struct segment *segment, uint32_t id, const char *pool,
    struct figures *figures)
{
	char name[SEGMENT_MODULE_NAME];
	struct figures_module *module;
	uint32_t i;

	segment_module_name(segment, id, name);
	name[sizeof(name) - 1] = '\0';
	if ((module = figures_module(figures, pool, name)) == NULL)
		return (-ENOMEM);
	for (i = 0; i < MODULE_FIGURES; i++)
		module->stats[i] = stats_read(segment, (int)id, i);
	for (i = 0; i < MODULE_HISTOGRAMS; i++)
		stats_read_histogram(
		    segment, (int)id, i, &module->histograms[i]);
	return (0);
}

int
figures_read(const struct segment *segment, const char *pool,
    struct figures *ret_figures)
{
	uint32_t i, modules = segment->geometry.modules;

	memset(ret_figures, 0, sizeof(*ret_figures));
	for (i = 0; i < WORKER_FIGURES; i++)
		ret_figures->stats[i] = stats_read(segment, -1, i);
	for (i = 0; i < SEGMENT_OPERATIONS; i++)
		ret_figures->completions[i] =
		    stats_read(segment, -1, STAT_completions + i);
	for (i = 0; i < WORKER_HISTOGRAMS; i++)
		stats_read_histogram(
		    segment, -1, i, &ret_figures->histograms[i]);
	if (modules > SEGMENT_MODULES_MAX)
		modules = SEGMENT_MODULES_MAX;
	for (i = 0; i < modules; i++) {
		if (read_module(segment, i, pool, ret_figures) != 0) {
			figures_free(ret_figures);
			return (-ENOMEM);
		}
	}
	return (0);
}

struct figures_module *
figures_module(struct figures *figures, const char *pool, const char *name)
{
	struct figures_module *modules;
	size_t i;

	for (i = 0; i < figures->module_count; i++)
		if (strcmp(figures->modules[i].name, name) == 0 &&
		    strcmp(figures->modules[i].pool, pool) == 0)
			return (&figures->modules[i]);
	modules = reallocarray(
	    figures->modules, figures->module_count + 1, sizeof(*modules));
	if (modules == NULL)
		return (NULL);
	figures->modules = modules;
	modules = &modules[figures->module_count++];
	memset(modules, 0, sizeof(*modules));
	(void)strlcpy(modules->name, name, sizeof(modules->name));
	(void)strlcpy(modules->pool, pool, sizeof(modules->pool));
	return (modules);
}

int
figures_merge(struct figures *to, const struct figures *from)
{
	const struct figures_module *module;
	struct figures_module *into;
	size_t i, k;

	for (i = 0; i < WORKER_FIGURES; i++)
		to->stats[i] += from->stats[i];
	for (i = 0; i < SEGMENT_OPERATIONS; i++)
		to->completions[i] += from->completions[i];
	for (i = 0; i < WORKER_HISTOGRAMS; i++)
		histogram_merge(&to->histograms[i], &from->histograms[i]);
	for (i = 0; i < from->module_count; i++) {
		module = &from->modules[i];
		into = figures_module(to, module->pool, module->name);
		if (into == NULL)
			return (-ENOMEM);
		for (k = 0; k < MODULE_FIGURES; k++)
			into->stats[k] += module->stats[k];
		for (k = 0; k < MODULE_HISTOGRAMS; k++)
			histogram_merge(
			    &into->histograms[k], &module->histograms[k]);
	}
	return (0);
}

static void
add_histogram_words(struct histogram *to, const _Atomic uint64_t *words)
{
	size_t i;

	to->sum += words[0];
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += words[1 + i];
}

void
figures_add_words(struct figures *figures, const _Atomic uint64_t *words)
{
	size_t i;

	for (i = 0; i < WORKER_FIGURES; i++)
		figures->stats[i] += words[i];
	for (i = 0; i < SEGMENT_OPERATIONS; i++)
		figures->completions[i] += words[STAT_completions + i];
	for (i = 0; i < WORKER_HISTOGRAMS; i++)
		add_histogram_words(&figures->histograms[i],
		    &words[STAT_histograms + i * HISTOGRAM_WORDS]);
}

void
figures_add_module_words(
    struct figures_module *module, const _Atomic uint64_t *words)
{
	size_t i;

	for (i = 0; i < MODULE_FIGURES; i++)
		module->stats[i] += words[i];
	for (i = 0; i < MODULE_HISTOGRAMS; i++)
		add_histogram_words(&module->histograms[i],
		    &words[MODULE_STAT_histograms + i * HISTOGRAM_WORDS]);
}

void
figures_free(struct figures *figures)
{
	free(figures->modules);
	figures->modules = NULL;
	figures->module_count = 0;
}
