/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl stats, for people: a line a figure.
 */
#include "shm/ctl/render.h"

#include "shm/ctl/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum {
	UNIT_SIZE = 32
};

static void
print_stats(FILE *out, const struct stat_info *info, const uint64_t *stats,
    size_t count)
{
	char unit[UNIT_SIZE];
	size_t i;

	for (i = 0; i < count; i++) {
		(void)snprintf(unit, sizeof(unit), "%s%s",
		    *info[i].unit != '\0' ? ", " : "", info[i].unit);
		(void)fprintf(out, "  %-22s  %20" PRIu64 "  %s%s\n",
		    info[i].name, stats[i], info[i].help, unit);
	}
}

static void
print_histograms(FILE *out, const struct stat_info *info,
    const struct histogram *histograms, size_t count)
{
	static const unsigned quantiles[] = { 500, 900, 990, 999 };
	const size_t n = sizeof(quantiles) / sizeof(quantiles[0]);
	char text[UNIT_SIZE];
	size_t i, k;

	for (i = 0; i < count; i++) {
		(void)fprintf(out, "  %-22s  %20" PRIu64 "  %s:", info[i].name,
		    histogram_count(&histograms[i]), info[i].help);
		for (k = 0; k < n; k++) {
			format_duration(
			    histogram_quantile(&histograms[i], quantiles[k]),
			    text, sizeof(text));
			(void)fprintf(out, "%s p%g %s", k > 0 ? "," : "",
			    quantiles[k] / 10.0, text);
		}
		(void)fputc('\n', out);
	}
}

void
render_figures_text(const struct figures *figures, FILE *out)
{
	size_t i;

	(void)fprintf(out, "total of all workers\n");
	print_stats(out, worker_stat_info, figures->stats, WORKER_FIGURES);
	print_histograms(
	    out, worker_histogram_info, figures->histograms, WORKER_HISTOGRAMS);
	(void)fprintf(out, "\ncompletions by operation\n");
	for (i = 0; i < SEGMENT_OPERATIONS; i++)
		if (operation_name((uint16_t)i) != NULL)
			(void)fprintf(out, "  %-22s  %20" PRIu64 "\n",
			    operation_name((uint16_t)i),
			    figures->completions[i]);
}

static void
print_module(FILE *out, const struct figures_module *module)
{
	const char *c;

	(void)fputs("\nmodule ", out);
	for (c = module->name; *c != '\0'; c++)
		(void)fputc(*c > ' ' && *c < 0x7f ? *c : '?', out);
	(void)fputc('\n', out);
	print_stats(out, module_stat_info, module->stats, MODULE_FIGURES);
	print_histograms(
	    out, module_histogram_info, module->histograms, MODULE_HISTOGRAMS);
}

int
render_stats_text(const struct collect_status *status, FILE *out)
{
	size_t i;

	errno = 0;
	render_figures_text(&status->totals, out);
	for (i = 0; i < status->totals.module_count; i++)
		print_module(out, &status->totals.modules[i]);
	if (fflush(out) == EOF || ferror(out))
		return (errno != 0 ? -errno : -EIO);
	return (0);
}
