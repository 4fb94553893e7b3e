/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request and its site's rule: looked up once, when its head is whole.
 *
 * Life of a request, between steps 5 and 6 of 11. Dispatch thread only.
 */
#ifndef WORKER_SITE_REQUEST_H
#define WORKER_SITE_REQUEST_H

#include "worker/request.h"
#include "worker/site.h"

/*
 * site_request_find(request): its rule, or NULL when no site concerns it. Only
 * where there are sites.
 */
const struct site_rule *site_request_find(const struct request *request);

/*
 * site_request_answer(request): the answer of a rule that has a status: it is
 * made here, and no module is asked.
 */
void site_request_answer(struct request *request);

/* The limits of a request: of its rule, else the pool's. */
static inline uint64_t
site_request_body_max(const struct request *request)
{
	if (request->rule != NULL && request->rule->body_max != SITE_UNSET)
		return (request->rule->body_max);
	return (request->worker->limits.body_max);
}

static inline uint64_t
site_request_pending_ns(const struct request *request)
{
	if (request->rule != NULL && request->rule->pending_ns != SITE_UNSET)
		return (request->rule->pending_ns);
	return (request->worker->limits.pending_ns);
}

#endif
