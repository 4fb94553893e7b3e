/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collected status, for people, for programs and for Prometheus. Text of
 * segments and messages is printed with '?' for what isn't printable.
 */
#ifndef SHM_CTL_RENDER_H
#define SHM_CTL_RENDER_H

#include "shm/ctl/collect.h"

#include <stdio.h>

/* render_text(status, out): 0, or -errno when ${out} can't be written. */
int render_text(const struct collect_status *status, FILE *out);

/*
 * render_json(status, out): one object; its names are stable. 0, -ENOMEM, or
 * -errno when ${out} can't be written.
 */
int render_json(const struct collect_status *status, FILE *out);

/* render_stats_json(status, out): the same with all histograms' buckets. */
int render_stats_json(const struct collect_status *status, FILE *out);

/*
 * render_stats_text(status, out): a line a figure: its name, value and unit,
 * and what it is; totals.
 */
int render_stats_text(const struct collect_status *status, FILE *out);

/* render_figures_text(figures, out): the same of any; errors are ${out}'s. */
void render_figures_text(const struct figures *figures, FILE *out);

/*
 * render_duration(ns, ret_text, size): "-" for 0, "640 ns", "12.3 us",
 * "1.50 ms", "12.0 s": at most 9 characters up to some days.
 */
void render_duration(uint64_t ns, char *ret_text, size_t size);

/*
 * render_prometheus(status, out):
 * OpenMetrics text, "# EOF" included: content type
 * RENDER_PROMETHEUS_TYPE. Families named bulkhead_... hold the whole
 * server's totals, which never go back; bulkhead_worker_... those of each
 * living worker, by the label worker; modules have the label module. Times are
 * seconds. Returns 0 or -errno.
 */
#define RENDER_PROMETHEUS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"
int render_prometheus(const struct collect_status *status, FILE *out);

#endif
