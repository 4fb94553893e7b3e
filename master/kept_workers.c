/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools and workers over an exec: they stay our children, and their sockets,
 * pidfds and segments are descriptors like others. Runs in the master.
 */
#include "master/kept_master.h"

#include "master/build_id.h"
#include "master/channel.h"
#include "master/master.h"

#include <bsd/string.h>
#include <errno.h>
#include <string.h>

static json_t *
save_quarantine(const struct quarantine_module *module)
{
	json_t *object = json_object(), *times = json_array();
	uint64_t from = 0;

	if (module->crashes > QUARANTINE_CRASHES_MAX)
		from = module->crashes - QUARANTINE_CRASHES_MAX;
	for (uint64_t i = from; i < module->crashes; i++)
		(void)json_array_append_new(times,
		    json_integer((json_int_t)module
				     ->times_ns[i % QUARANTINE_CRASHES_MAX]));
	kept_set(object, "build", kept_string(module->build));
	kept_set(object, "crashes", json_integer((json_int_t)module->crashes));
	kept_set(
	    object, "pardoned", json_integer((json_int_t)module->pardoned));
	kept_set(
	    object, "since_ns", json_integer((json_int_t)module->since_ns));
	kept_set(object, "active", json_boolean(module->active));
	kept_set(object, "unloadable", json_boolean(module->unloadable));
	kept_set(object, "times", times);
	return (object);
}

static void
load_quarantine(struct quarantine_module *module, const json_t *object)
{
	const char *build = kept_text(object, "build");
	const json_t *times = json_object_get(object, "times"), *time;
	size_t count = json_array_size(times), i;

	module->crashes = (uint64_t)kept_number(object, "crashes", 0);
	module->pardoned = (uint64_t)kept_number(object, "pardoned", 0);
	module->since_ns = (uint64_t)kept_number(object, "since_ns", 0);
	module->active = kept_flag(object, "active");
	module->unloadable = kept_flag(object, "unloadable");
	if (build != NULL)
		(void)strlcpy(module->build, build, sizeof(module->build));
	if (count > module->crashes || count > QUARANTINE_CRASHES_MAX)
		count = 0;
	json_array_foreach(times, i, time)
	{
		if (i < count)
			module->times_ns[(module->crashes - count + i) %
					 QUARANTINE_CRASHES_MAX] =
			    (uint64_t)json_integer_value(time);
	}
	quarantine_go_on(module);
}

static json_t *
save_builds(const struct build_ids *builds)
{
	json_t *array = json_array();

	for (uint32_t i = 0; builds != NULL && i < builds->count; i++)
		(void)json_array_append_new(
		    array, kept_string(builds->texts[i]));
	return (array);
}

/* An image that knows nothing of them leaves none. */
static struct build_ids *
load_builds(const json_t *array, uint32_t count)
{
	struct build_ids *builds;
	const json_t *text;
	size_t i;

	if (json_array_size(array) != count ||
	    (builds = build_ids_new(count)) == NULL)
		return (NULL);
	json_array_foreach(array, i, text)
	{
		if (json_is_string(text))
			(void)strlcpy(builds->texts[i], json_string_value(text),
			    BUILD_ID_TEXT);
	}
	return (builds);
}

static json_t *
save_worker(const struct worker *worker, struct kept *kept)
{
	json_t *object = json_object();

	kept_set(object, "number", json_integer(worker->number));
	kept_set(object, "role", json_integer(worker->role));
	kept_set(object, "state", json_integer(worker->state));
	kept_set(object, "incarnation", json_integer(worker->incarnation));
	kept_set(object, "quick_deaths", json_integer(worker->quick_deaths));
	if (worker->state == WORKER_DOWN)
		return (object);
	kept_set(object, "pid", json_integer(worker->pid));
	kept_set(object, "pidfd", kept_fd(kept, worker->pidfd));
	kept_set(object, "socket", kept_fd(kept, worker->socket));
	kept_set(object, "segment", kept_fd(kept, worker->segment_fds.ro));
	kept_set(object, "buffers", kept_fd(kept, worker->segment_fds.buffers));
	kept_set(
	    object, "started_ns", json_integer((json_int_t)worker->started_ns));
	kept_set(
	    object, "ready_ns", json_integer((json_int_t)worker->ready_ns));
	kept_set(object, "owed", json_integer(worker->owed));
	kept_set(object, "unloaded", json_integer(worker->unloaded));
	kept_set(object, "builds", save_builds(worker->builds));
	kept_set(object, "retired", json_boolean(worker->retired));
	kept_set(object, "recycle", json_boolean(worker->recycle));
	return (object);
}

/* Its process is there: listen to it, and for its end. */
static int
take_over(struct worker *worker, struct reason *why)
{
	struct loop *loop = &worker->master->loop;
	int error;

	error = segment_map_reader(worker->segment_fds.ro, &worker->view);
	if (error == 0 &&
	    memcmp(&worker->view.geometry, &worker->pool->geometry,
		sizeof(worker->view.geometry)) != 0)
		error = -EPROTO;
	if (error == 0)
		error = loop_add(loop, &worker->death, worker->pidfd, EPOLLIN);
	if (error == 0)
		error = channel_open(worker);
	if (error != 0)
		return (reason_set(why, error,
		    "worker %u can't be taken over: "
		    "%s",
		    (unsigned)worker->number, strerror(-error)));
	watch_begin(&worker->watch);
	if (worker->state != WORKER_SERVING)
		loop_timer_set(
		    loop, &worker->timer, worker->pool->config->drain_limit_ms);
	if (worker->owed != 0)
		channel_watch_room(worker);
	return (0);
}

static int
load_worker(struct worker *worker, const json_t *object, struct reason *why)
{
	int64_t state = kept_number(object, "state", -1);

	worker->number = (uint32_t)kept_number(object, "number", 0);
	worker->role = (enum worker_role)kept_number(object, "role", 0);
	worker->incarnation = (uint32_t)kept_number(object, "incarnation", 0);
	if (state != WORKER_DOWN && state != WORKER_SERVING &&
	    state != WORKER_RETIRING && state != WORKER_DRAINING)
		return (reason_set(why, -EINVAL, "a worker has no state"));
	worker->state = (enum worker_state)state;
	worker->quick_deaths = (uint32_t)kept_number(object, "quick_deaths", 0);
	if (state == WORKER_DOWN)
		return (0);
	worker->pid = (pid_t)kept_number(object, "pid", 0);
	worker->pidfd = (int)kept_number(object, "pidfd", -1);
	worker->socket = (int)kept_number(object, "socket", -1);
	worker->segment_fds.ro = (int)kept_number(object, "segment", -1);
	worker->segment_fds.buffers = (int)kept_number(object, "buffers", -1);
	worker->started_ns = (uint64_t)kept_number(object, "started_ns", 0);
	worker->ready_ns = (uint64_t)kept_number(object, "ready_ns", 0);
	worker->owed = (unsigned)kept_number(object, "owed", 0);
	worker->unloaded = (uint32_t)kept_number(object, "unloaded", 0);
	worker->builds = load_builds(json_object_get(object, "builds"),
	    worker->pool->config->module_count);
	worker->retired = kept_flag(object, "retired");
	worker->recycle = kept_flag(object, "recycle");
	return (take_over(worker, why));
}

json_t *
kept_pool_save(const struct pool *pool, struct kept *kept)
{
	json_t *object = json_object(), *workers = json_array();
	json_t *modules = json_array();

	for (uint32_t i = 0; i < pool->worker_count; i++)
		(void)json_array_append_new(
		    workers, save_worker(&pool->workers[i], kept));
	for (uint32_t i = 0; i < pool->config->module_count; i++)
		(void)json_array_append_new(
		    modules, save_quarantine(&pool->quarantine.modules[i]));
	kept_set(object, "workers", workers);
	kept_set(object, "quarantine", modules);
	return (object);
}

int
kept_pool_load(struct pool *pool, const json_t *object, struct reason *why)
{
	const json_t *workers = json_object_get(object, "workers"), *value;
	size_t i;
	int error = 0;

	if (json_array_size(workers) != pool->worker_count)
		return (reason_set(why, -EINVAL,
		    "pool %s has %zu workers and should have %u",
		    pool->config->name, json_array_size(workers),
		    (unsigned)pool->worker_count));
	json_array_foreach(workers, i, value)
	{
		if (error == 0)
			error = load_worker(&pool->workers[i], value, why);
	}
	json_array_foreach(json_object_get(object, "quarantine"), i, value)
	{
		if (i < pool->config->module_count)
			load_quarantine(&pool->quarantine.modules[i], value);
	}
	return (error);
}
