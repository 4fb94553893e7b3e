/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/admin/routes.h"

#include "shm/admin/page.h"
#include "shm/ctl/render.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OK = 200,
	NOT_FOUND = 404,
	UNAVAILABLE = 503,
	TEXT_REFRESH_S = 5,
	COMPLETIONS = 1024, /* of each worker: all that a recorder keeps */
};

static const char text_media_type[] = "text/plain; charset=utf-8";
static const char json_media_type[] = "application/json";
/* What isn't the page has nothing to load and nobody to be framed by. */
static const char closed_policy[] =
    "default-src 'none'; frame-ancestors 'none'";

void
routes_say(struct answer *ret_answer, unsigned status, const char *text)
{
	memset(ret_answer, 0, sizeof(*ret_answer));
	ret_answer->status = status;
	ret_answer->type = text_media_type;
	ret_answer->policy = closed_policy;
	ret_answer->fixed = text;
	ret_answer->length = strlen(text);
}

/* A body under construction. */
struct body {
	FILE *out;
	char *text;
	size_t length;
};

static int
body_open(struct body *body)
{
	body->text = NULL;
	body->length = 0;
	body->out = open_memstream(&body->text, &body->length);
	return (body->out == NULL ? -ENOMEM : 0);
}

static void
body_close(
    struct body *body, int error, const char *type, struct answer *ret_answer)
{
	if (body->out != NULL && fclose(body->out) == EOF && error == 0)
		error = -ENOMEM;
	if (error != 0) {
		free(body->text);
		routes_say(ret_answer, UNAVAILABLE, "out of memory\n");
		return;
	}
	routes_say(ret_answer, OK, "");
	ret_answer->type = type;
	ret_answer->owned = body->text;
	ret_answer->length = body->length;
}

static void
answer_json(json_t *value, struct answer *ret_answer)
{
	struct body body;
	int error = body_open(&body);

	if (error == 0 &&
	    (value == NULL ||
		json_dumpf(value, body.out, JSON_INDENT(2)) != 0 ||
		fputc('\n', body.out) == EOF))
		error = -ENOMEM;
	body_close(&body, error, json_media_type, ret_answer);
}

/* The newest look at the server, as ${render} shows it. */
static void
answer_status(struct watcher *watcher,
    int (*render)(const struct collect_status *status, FILE *out),
    const char *type, struct answer *ret_answer)
{
	struct snapshot *snapshot = watcher_borrow(watcher);
	struct body body;
	int error;

	if (snapshot == NULL) {
		routes_say(ret_answer, UNAVAILABLE,
		    "the server hasn't been looked at yet\n");
		return;
	}
	error = body_open(&body);
	if (error == 0)
		error = render(&snapshot->status, body.out);
	watcher_return(watcher, snapshot);
	body_close(&body, error, type, ret_answer);
}

static void
answer_history(
    struct watcher *watcher, const char *since, struct answer *ret_answer)
{
	struct body body;
	uint64_t first = 0;
	int error;

	if (since != NULL && *since != '\0' &&
	    since[strspn(since, "0123456789")] == '\0')
		first = (uint64_t)strtoumax(since, NULL, 10);
	error = body_open(&body);
	(void)pthread_mutex_lock(&watcher->lock);
	if (error == 0)
		error = history_render(&watcher->history, first, body.out);
	(void)pthread_mutex_unlock(&watcher->lock);
	body_close(&body, error, json_media_type, ret_answer);
}

static void
answer_crashes(struct watcher *watcher, struct answer *ret_answer)
{
	json_t *list;

	(void)pthread_mutex_lock(&watcher->lock);
	list = reports_list(&watcher->reports);
	(void)pthread_mutex_unlock(&watcher->lock);
	answer_json(list, ret_answer);
	json_decref(list);
}

static void
answer_crash(struct watcher *watcher, const char *id, struct answer *ret_answer)
{
	json_t *report;

	/* Under the lock throughout: counts of references aren't atomic. */
	(void)pthread_mutex_lock(&watcher->lock);
	report = reports_find(&watcher->reports, id);
	if (report != NULL)
		answer_json(report, ret_answer);
	else
		routes_say(ret_answer, NOT_FOUND,
		    "there is no such crash report; /api/crashes has all\n");
	(void)pthread_mutex_unlock(&watcher->lock);
}

static size_t
count_serving(const struct collect_status *status)
{
	size_t count = 0;

	for (size_t i = 0; i < status->worker_count; i++)
		count +=
		    strcmp(status->workers[i].info.state_name, "serving") == 0;
	return (count);
}

/* Is the server alive: does its master answer? */
static void
answer_health(const struct snapshot *snapshot, struct answer *ret_answer)
{
	if (watcher_stale(snapshot))
		routes_say(
		    ret_answer, UNAVAILABLE, "the master doesn't answer\n");
	else
		routes_say(ret_answer, OK, "ok\n");
}

/* Should it be given work? */
static void
answer_ready(const struct snapshot *snapshot, struct answer *ret_answer)
{
	static const struct {
		const char *phase;
		const char *text;
	} not_ready[] = {
		{ "starting", "not ready: starting\n" },
		{ "leaving", "not ready: leaving\n" },
		{ "stopping", "not ready: stopping\n" },
		{ "draining", "not ready: draining\n" },
		{ "ending", "not ready: ending\n" },
	};
	const char *phase;

	if (watcher_stale(snapshot)) {
		routes_say(ret_answer, UNAVAILABLE,
		    "not ready: the master doesn't answer\n");
		return;
	}
	phase = snapshot->status.master.phase;
	for (size_t i = 0; i < sizeof(not_ready) / sizeof(not_ready[0]); i++)
		if (strcmp(phase, not_ready[i].phase) == 0) {
			routes_say(ret_answer, UNAVAILABLE, not_ready[i].text);
			return;
		}
	if (count_serving(&snapshot->status) == 0)
		routes_say(ret_answer, UNAVAILABLE,
		    "not ready: no worker serves now\n");
	else
		routes_say(ret_answer, OK, "ready\n");
}

static void
answer_probe(struct watcher *watcher,
    void (*probe)(const struct snapshot *snapshot, struct answer *ret_answer),
    struct answer *ret_answer)
{
	struct snapshot *snapshot = watcher_borrow(watcher);

	probe(snapshot, ret_answer);
	watcher_return(watcher, snapshot);
}

/* How old what the page shows is, and what is wrong if it is. */
static void
answer_state(struct watcher *watcher, struct answer *ret_answer)
{
	struct snapshot *snapshot = watcher_borrow(watcher);
	json_t *state = json_object();

	(void)pthread_mutex_lock(&watcher->lock);
	(void)json_object_set_new(
	    state, "stale", json_boolean(watcher_stale(snapshot)));
	(void)json_object_set_new(
	    state, "trouble", json_string(watcher->trouble));
	(void)pthread_mutex_unlock(&watcher->lock);
	watcher_return(watcher, snapshot);
	answer_json(state, ret_answer);
	json_decref(state);
}

static void
answer_page(struct answer *ret_answer)
{
	routes_say(ret_answer, OK, "");
	ret_answer->type = "text/html; charset=utf-8";
	ret_answer->policy = page_policy;
	ret_answer->fixed = (const char *)page_bytes;
	ret_answer->length = page_length;
}

static int
render_requests(const struct collect_status *status, FILE *out)
{
	static const struct view_filter all;

	return (render_requests_json(status, &all, JSON_INDENT(2), out));
}

static int
render_completions(const struct collect_status *status, FILE *out)
{
	return (render_completions_json(status, 0, COMPLETIONS, out));
}

/* Whatever bulkheadctl can show as JSON or text. */
static const struct {
	const char *path;
	int (*render)(const struct collect_status *status, FILE *out);
	const char *type;
	unsigned refresh_s;
} views[] = {
	{ "/metrics", render_prometheus, RENDER_PROMETHEUS_TYPE, 0 },
	{ "/text", render_text, text_media_type, TEXT_REFRESH_S },
	{ "/api/status", render_json, json_media_type, 0 },
	{ "/api/stats", render_stats_json, json_media_type, 0 },
	{ "/api/workers", render_workers_json, json_media_type, 0 },
	{ "/api/modules", render_modules_json, json_media_type, 0 },
	{ "/api/requests", render_requests, json_media_type, 0 },
	{ "/api/completions", render_completions, json_media_type, 0 },
};

static bool
answer_view(
    struct watcher *watcher, const char *path, struct answer *ret_answer)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (strcmp(path, views[i].path) != 0)
			continue;
		answer_status(
		    watcher, views[i].render, views[i].type, ret_answer);
		if (ret_answer->status == OK)
			ret_answer->refresh_s = views[i].refresh_s;
		return (true);
	}
	return (false);
}

void
routes_answer(struct watcher *watcher, const char *path, const char *since,
    struct answer *ret_answer)
{
	static const char crash[] = "/api/crashes/";

	if (answer_view(watcher, path, ret_answer))
		return;
	if (strcmp(path, "/") == 0)
		answer_page(ret_answer);
	else if (strcmp(path, "/health") == 0)
		answer_probe(watcher, answer_health, ret_answer);
	else if (strcmp(path, "/ready") == 0)
		answer_probe(watcher, answer_ready, ret_answer);
	else if (strcmp(path, "/api/history") == 0)
		answer_history(watcher, since, ret_answer);
	else if (strcmp(path, "/api/state") == 0)
		answer_state(watcher, ret_answer);
	else if (strcmp(path, "/api/crashes") == 0)
		answer_crashes(watcher, ret_answer);
	else if (strncmp(path, crash, sizeof(crash) - 1) == 0)
		answer_crash(watcher, path + sizeof(crash) - 1, ret_answer);
	else
		routes_say(ret_answer, NOT_FOUND,
		    "nothing here; there are / /text /metrics /health /ready "
		    "/api/status /api/stats /api/workers /api/modules "
		    "/api/requests /api/completions /api/history /api/crashes "
		    "/api/crashes/ID\n");
}
