/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET /wild?00, ?ff or ?NUMBER: a wild store, as bad as it can be. All of the
 * worker's writable shared memory is overwritten: with zeros, with ones, or
 * with noise of that seed.
 */
#include "answer.h"

#include <bulkhead/http.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void
overwrite(uint64_t *at, const uint64_t *end, const char *what)
{
	uint64_t noise = strtoull(what, NULL, 10) * 2 + 1;

	for (; at < end; at++) {
		/* xorshift64 */
		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		if (strcmp(what, "00") == 0)
			*at = 0;
		else if (strcmp(what, "ff") == 0)
			*at = UINT64_MAX;
		else
			*at = noise;
	}
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	char line[512], mode[8], what[32];
	unsigned long start, end;
	struct bh_str query;
	FILE *maps;

	(void)self;
	(void)provider;
	query = bh_request_query(bh_context_request(context));
	(void)snprintf(
	    what, sizeof(what), "%.*s", (int)query.length, query.data);
	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)
		return (answer(context, "no maps\n"));
	while (fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "memfd:") != NULL &&
		    sscanf(line, "%lx-%lx %7s", &start, &end, mode) == 3 &&
		    mode[1] == 'w')
			overwrite((uint64_t *)start, (uint64_t *)end, what);
	(void)fclose(maps);
	return (answer(context, "done\n"));
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_execute_request_handler = on_execute,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	(void)bh_registration_set_path(registration, "/wild");
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, BH_RQ_EXECUTE_REQUEST_HANDLER, 0));
}

BH_MODULE();
