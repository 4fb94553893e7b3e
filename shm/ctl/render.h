/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collected status, for people, for programs and for Prometheus. Text of
 * segments and messages is printed with '?' for what isn't printable.
 */
#ifndef SHM_CTL_RENDER_H
#define SHM_CTL_RENDER_H

#include "shm/ctl/collect.h"
#include "shm/ctl/views.h"

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
 * render_workers_json(status, out), render_modules_json(...): arrays. A
 * module's figures are totals, with what the master knows of it.
 * render_requests_json(status, filter, flags, out): an array of those that
 * were collected and pass; flags are jansson's (JSON_COMPACT, JSON_INDENT(2)).
 */
int render_workers_json(const struct collect_status *status, FILE *out);
int render_modules_json(const struct collect_status *status, FILE *out);
int render_requests_json(const struct collect_status *status,
    const struct view_filter *filter, size_t flags, FILE *out);

/*
 * render_completions_text(status, worker, count, out), .._json(...):
 * The last ${count} entries of the flight recorders that were collected, of
 * one worker or (0) of all.
 */
int render_completions_text(const struct collect_status *status,
    uint32_t worker, size_t count, FILE *out);
int render_completions_json(const struct collect_status *status,
    uint32_t worker, size_t count, FILE *out);

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
