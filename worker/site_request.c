/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests under the rules of sites.
 *
 * Life of a request, between steps 5 and 6 of 11: from conn.c; to pipeline.c.
 */
#include "worker/site_request.h"

#include <string.h>

/* Of hosts that no site has, where that matters. */
static const struct site_rule misdirected = {
	.path = "",
	.modules = UINT32_MAX,
	.body_max = SITE_UNSET,
	.pending_ns = SITE_UNSET,
	.status = 421,
};

const struct site_rule *
site_request_find(const struct request *request)
{
	const struct sites *sites = &request->worker->sites;
	const char *bytes = (const char *)request->bytes;
	const struct http_head *head = &request->head;
	const struct site *site;

	site = sites_find(sites, bytes + head->host.offset, head->host.length);
	if (site == NULL)
		return (sites->strict ? &misdirected : NULL);
	return (
	    site_find_rule(site, bytes + head->path.offset, head->path.length));
}

/* The URL with the request's target for $target; NULL: no memory. */
static char *
location_of(struct request *request)
{
	static const char variable[] = "$target";
	const size_t length = sizeof(variable) - 1;
	const struct http_span target = request->head.target;
	const struct http_span path = request->head.path;
	const char *url = request->rule->location, *found;
	const char *from = (const char *)request->bytes;
	size_t size = 0, before;
	char *text;

	found = strstr(url, variable);
	if (found == NULL)
		return (arena_copy(&request->arena, url, strlen(url)));
	/* Of an absolute one, its path and query. */
	if (path.length > 0) {
		from += path.offset;
		size = (size_t)(target.offset + target.length - path.offset);
	}
	before = (size_t)(found - url);
	text = arena_alloc(&request->arena, strlen(url) + size + 2);
	if (text == NULL)
		return (NULL);
	memcpy(text, url, before);
	memcpy(text + before, from, size);
	if (size == 0)
		text[before + size++] = '/';
	memcpy(text + before + size, found + length,
	    strlen(found + length) + 1);
	return (text);
}

void
site_request_answer(struct request *request)
{
	const struct site_rule *rule = request->rule;
	const char *location;

	response_error(request, rule->status);
	if (rule->location == NULL)
		return;
	location = location_of(request);
	if (location == NULL ||
	    response_set_header(request, "Location", location, true) != 0)
		response_error(request, 500);
}
