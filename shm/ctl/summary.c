/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server in a few lines.
 */
#include "shm/ctl/summary.h"

#include "shm/ctl/format.h"
#include "shm/ctl/views.h"

#include <inttypes.h>

/* "1.20k" a second, or "-". */
static void
rate_of(const struct collect_status *now, const struct collect_status *before,
    enum worker_figure stat, char *ret_text, size_t size)
{
	const double seconds = view_between(now, before);
	const uint64_t is = now->totals.stats[stat];
	uint64_t was;

	if (seconds <= 0) {
		(void)snprintf(ret_text, size, "-");
		return;
	}
	was = before->totals.stats[stat];
	format_count(
	    is > was ? (double)(is - was) / seconds : 0, ret_text, size);
}

static void
make_master(const struct collect_status *now, char *ret_line)
{
	const struct message_status_master *m = &now->master;
	char age[FORMAT_SIZE], *c;

	format_age(m->started_ns, m->now_ns, age, sizeof(age));
	(void)snprintf(ret_line, SUMMARY_WIDTH,
	    "bulkhead %s  pid %" PRIu64 "  up %s  pools %" PRIu32
	    "  generation %" PRIu32,
	    m->version, m->pid, age, m->pools, m->generation);
	for (c = ret_line; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void
make_connections(const struct collect_status *now,
    const struct collect_status *before, char *ret_line)
{
	const struct message_status_master *m = &now->master;
	char rate[FORMAT_SIZE];

	rate_of(now, before, STAT_connections, rate, sizeof(rate));
	(void)snprintf(ret_line, SUMMARY_WIDTH,
	    "connections  %" PRIu64 " open of %" PRIu64 ", %s new/s, %" PRIu64
	    " wait for a worker   workers  %" PRIu64 ", %" PRIu64
	    " started, %" PRIu64 " died",
	    m->connections_open, m->connections_max, rate, m->handover_queue,
	    m->workers, m->workers_started, m->workers_died);
}

static void
make_requests(const struct collect_status *now,
    const struct collect_status *before, char *ret_line)
{
	const uint64_t *stats = now->totals.stats;
	char bad[FORMAT_SIZE], failed[FORMAT_SIZE], rate[FORMAT_SIZE];

	rate_of(now, before, STAT_requests, rate, sizeof(rate));
	rate_of(now, before, STAT_responses_4xx, bad, sizeof(bad));
	rate_of(now, before, STAT_responses_5xx, failed, sizeof(failed));
	(void)snprintf(ret_line, SUMMARY_WIDTH,
	    "requests     %s/s, 4xx %s/s, 5xx %s/s, %" PRIu64
	    " in flight, of these %" PRIu64 " parked, %" PRIu64
	    " completions in rings, %" PRIu64 " in all",
	    rate, bad, failed, stats[STAT_requests_active],
	    stats[STAT_requests_parked], stats[STAT_ring_depth],
	    stats[STAT_requests]);
}

static void
make_latency(const struct collect_status *now,
    const struct collect_status *before, char *ret_line)
{
	static const unsigned quantiles[] = { 500, 900, 990, 999 };
	struct histogram h = now->totals.histograms[HISTOGRAM_request_time];
	char texts[4][FORMAT_SIZE];
	size_t i;

	if (before != NULL)
		histogram_subtract(
		    &h, &before->totals.histograms[HISTOGRAM_request_time]);
	for (i = 0; i < 4; i++)
		format_duration(histogram_quantile(&h, quantiles[i]), texts[i],
		    sizeof(texts[i]));
	(void)snprintf(ret_line, SUMMARY_WIDTH,
	    "latency      p50 %s, p90 %s, p99 %s, p99.9 %s%s", texts[0],
	    texts[1], texts[2], texts[3],
	    before == NULL ? " (of all time)" : "");
}

void
summary_make(const struct collect_status *now,
    const struct collect_status *before,
    char ret_lines[SUMMARY_LINES][SUMMARY_WIDTH])
{
	make_master(now, ret_lines[0]);
	make_connections(now, before, ret_lines[1]);
	make_requests(now, before, ret_lines[2]);
	make_latency(now, before, ret_lines[3]);
}
