/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of bulkheadctl, once for the commands that print them and for
 * top: what there is, and with an earlier status what there was since.
 */
#ifndef SHM_CTL_VIEWS_H
#define SHM_CTL_VIEWS_H

#include "shm/ctl/collect.h"
#include "shm/ctl/table.h"

/* Which requests; a cleared one: all. */
struct view_filter {
	uint32_t worker;    /* 0: any */
	const char *module; /* NULL: any */
	const char *client; /* its address, as format_client() writes it */
	uint64_t min_ns;    /* as old, in all */
};

/* Columns that top begins with being sorted by. */
enum {
	VIEW_WORKERS_SORT = 7,  /* requests a second */
	VIEW_MODULES_SORT = 5,  /* calls a second */
	VIEW_REQUESTS_SORT = 7, /* time in all */
};

/*
 * view_workers(table, now, before), view_modules(...):
 * ${before} is NULL or an earlier status: then rates and quantiles are those
 * of the time between; else rates are "-", quantiles of all time.
 */
void view_workers(struct table *table, const struct collect_status *now,
    const struct collect_status *before);
void view_modules(struct table *table, const struct collect_status *now,
    const struct collect_status *before);

/* view_requests(table, status, filter): those that were collected. */
void view_requests(struct table *table, const struct collect_status *status,
    const struct view_filter *filter);

/* view_takes(filter, request, now_ns): does it pass? */
bool view_takes(const struct view_filter *filter,
    const struct collect_request *request, uint64_t now_ns);

/* view_between(now, before): seconds; 0 without an earlier one. */
double view_between(
    const struct collect_status *now, const struct collect_status *before);

/* view_held(module): bytes that its callbacks allocated and haven't freed. */
uint64_t view_held(const struct figures_module *module);

/* view_state(status, module): what the master says of it, or NULL. */
const struct message_status_module *view_state(
    const struct collect_status *status, const struct figures_module *module);

#endif
