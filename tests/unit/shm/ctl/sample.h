/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A status of two workers in two pools that load a module of the same name,
 * with text that no server of ours would write.
 */
#ifndef TESTS_UNIT_SHM_CTL_SAMPLE_H
#define TESTS_UNIT_SHM_CTL_SAMPLE_H

#include "tests/unit/shm/unit.h"

#include "shm/activity.h"
#include "shm/ctl/collect.h"
#include "shm/ctl/render.h"

#include <bsd/string.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SAMPLE_SECOND UINT64_C(1000000000)

static inline void
sample_worker(struct collect_status *status, size_t i, const char *pool,
    uint64_t requests)
{
	struct collect_worker *worker = &status->workers[i];
	struct figures_module *module;
	struct histogram *h;

	worker->info.worker = (uint32_t)i + 1;
	worker->info.incarnation = (uint32_t)i + 11;
	worker->info.pid = 1000 + i;
	(void)strlcpy(worker->info.state_name, "serving",
	    sizeof(worker->info.state_name));
	(void)strlcpy(worker->pool, pool, sizeof(worker->pool));
	worker->readable = true;
	worker->figures.stats[STAT_requests] = requests;
	worker->figures.stats[STAT_bytes_sent] = requests * 100;
	h = &worker->figures.histograms[HISTOGRAM_request_time];
	h->buckets[histogram_bucket(1000000)] = requests;
	h->sum = requests * 1000000;
	module = figures_module(&worker->figures, pool, "hello");
	assert_non_null(module);
	module->stats[MODULE_STAT_calls] = requests;
	module->stats[MODULE_STAT_allocated] = 5000;
	module->stats[MODULE_STAT_freed] = 1000;
	assert_int_equal(figures_merge(&status->totals, &worker->figures), 0);
	(void)strlcpy(
	    status->modules[i].name, "hello", sizeof(status->modules[i].name));
	(void)strlcpy(
	    status->modules[i].pool, pool, sizeof(status->modules[i].pool));
	status->modules[i].quarantined = i == 1;
	status->module_count = i + 1;
}

static inline void
sample_request(struct collect_worker *worker, const char *text)
{
	struct collect_request *request;

	worker->requests = calloc(1, sizeof(*worker->requests));
	assert_non_null(worker->requests);
	worker->request_count = 1;
	request = &worker->requests[0];
	request->worker = worker->info.worker;
	request->stand = COLLECT_PENDING;
	request->request = request_id_make(11, 5);
	request->peer.family = AF_INET;
	memcpy(request->peer.address, "\300\000\002\001", 4);
	(void)strlcpy(request->text, text, sizeof(request->text));
	(void)strlcpy(request->module, "hello", sizeof(request->module));
	(void)strlcpy(request->step, "begin_request", sizeof(request->step));
	request->since_ns = 99 * SAMPLE_SECOND;
	request->started_ns = 90 * SAMPLE_SECOND;
}

/* Of 1000 and 500 requests, at second 100; collect_free() it. */
static inline void
sample_make(struct collect_status *status)
{
	memset(status, 0, sizeof(*status));
	status->worker_count = 2;
	status->workers = calloc(2, sizeof(*status->workers));
	assert_non_null(status->workers);
	(void)strlcpy(
	    status->master.version, "1\033[2J", sizeof(status->master.version));
	(void)strlcpy(
	    status->master.phase, "serving", sizeof(status->master.phase));
	status->now_ns = status->master.now_ns = 100 * SAMPLE_SECOND;
	status->master.started_ns = 40 * SAMPLE_SECOND;
	sample_worker(status, 0, "main", 1000);
	sample_worker(status, 1, "sh\"op\\", 500);
	sample_request(&status->workers[0], "GET /a/page");
	status->wants = COLLECT_REQUESTS;
}

/* What a renderer writes; freed by the caller. */
static inline char *
sample_render(const struct collect_status *status,
    int (*render)(const struct collect_status *status, FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(render(status, out), 0);
	assert_int_equal(fclose(out), 0);
	return (text);
}

#endif
