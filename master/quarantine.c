/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crash-loop breaker, for each module of each pool. Runs in the master.
 */
#include "master/quarantine.h"

#include "master/build_id.h"
#include "master/channel.h"
#include "master/culprit.h"
#include "master/master.h"
#include "master/recycle.h"
#include "shm/activity.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void
release_due(struct loop_timer *timer)
{
	struct quarantine_module *module = timer->owner;

	(void)quarantine_lift(
	    module->pool, module->id, "quarantine-release is over");
}

/* A file without a build id is told from another by when it was written. */
static void
read_build(const char *path, char ret_build[static QUARANTINE_BUILD])
{
	char id[BUILD_ID_TEXT];
	struct stat status;

	ret_build[0] = '\0';
	if (path == NULL)
		return;
	if (build_id_read(path, id) == 0)
		(void)strlcpy(ret_build, id, QUARANTINE_BUILD);
	else if (stat(path, &status) == 0)
		(void)snprintf(ret_build, QUARANTINE_BUILD, "%ju %ju.%09ld",
		    (uintmax_t)status.st_size, (uintmax_t)status.st_mtim.tv_sec,
		    status.st_mtim.tv_nsec);
}

void
quarantine_init(struct pool *pool)
{
	struct quarantine_module *module;

	for (uint32_t i = 0; i < SEGMENT_MODULES_MAX; i++) {
		module = &pool->quarantine.modules[i];
		module->pool = pool;
		module->id = i;
		if (i < pool->config->module_count)
			read_build(
			    pool->config->modules[i].path, module->build);
		module->release.owner = module;
		module->release.handle = release_due;
	}
}

void
quarantine_fini(struct pool *pool)
{
	for (uint32_t i = 0; i < SEGMENT_MODULES_MAX; i++)
		loop_timer_clear(
		    &pool->master->loop, &pool->quarantine.modules[i].release);
}

uint32_t
quarantine_count(
    const struct quarantine_module *module, uint64_t now_ns, uint64_t window_ns)
{
	uint64_t from = module->pardoned, time;
	uint32_t count = 0;

	if (module->crashes - from > QUARANTINE_CRASHES_MAX)
		from = module->crashes - QUARANTINE_CRASHES_MAX;
	for (uint64_t i = from; i < module->crashes; i++) {
		time = module->times_ns[i % QUARANTINE_CRASHES_MAX];
		count += now_ns - time <= window_ns;
	}
	return (count);
}

/* All that serve hear of it; those that start do when they are READY. */
void
quarantine_tell(struct pool *pool)
{
	struct worker *worker;

	for (uint32_t i = 0; i < pool->worker_count; i++) {
		worker = &pool->workers[i];
		if (worker->state == WORKER_SERVING ||
		    worker->state == WORKER_RETIRING)
			channel_owe(worker, CHANNEL_QUARANTINE);
	}
}

static void
impose(struct quarantine_module *module)
{
	struct pool *pool = module->pool;

	module->active = true;
	module->since_ns = clock_now();
	if (pool->config->quarantine_release_ms > 0)
		loop_timer_set(&pool->master->loop, &module->release,
		    pool->config->quarantine_release_ms);
	quarantine_tell(pool);
}

static const char *
consequence(const struct config_module *module)
{
	return (module->optional ? "requests go on without it"
				 : "requests that need it get 503");
}

/* It can't be loaded; the server starts without it unless it is needed. */
static bool
crashed_at_start(struct worker *worker, struct quarantine_module *module)
{
	const struct config_module *settings =
	    &worker->pool->config->modules[module->id];

	if (settings->required || worker->master->config->check ||
	    (worker->unloaded >> module->id & 1) != 0)
		return (false);
	if (!module->active) {
		log_err("module %s crashes while it is loaded: under "
			"quarantine; %s",
		    settings->name, consequence(settings));
		impose(module);
	}
	module->unloadable = true;
	return (true);
}

static bool
is_same(
    const struct quarantine_module *old, const struct quarantine_module *new)
{
	const struct config_module *a = &old->pool->config->modules[old->id];
	const struct config_module *b = &new->pool->config->modules[new->id];

	if (strcmp(old->build, new->build) != 0 ||
	    strcmp(a->path, b->path) != 0 || a->optional != b->optional ||
	    a->required != b->required || a->setting_count != b->setting_count)
		return (false);
	for (size_t i = 0; i < a->setting_count; i++)
		if (strcmp(a->settings[i], b->settings[i]) != 0)
			return (false);
	return (true);
}

/*
 * For which module is this death counted? A retired generation's counts for
 * the one that serves, if that has the same build.
 */
static struct quarantine_module *
find_counted(const struct worker *worker, uint32_t id)
{
	struct pool *pool = worker->pool, *heir;
	struct quarantine_module *module = &pool->quarantine.modules[id];

	if (pool->generation->state != GENERATION_RETIRED)
		return (module);
	heir = generation_heir(pool, pool->master->generation);
	if (heir != NULL &&
	    pool_find_module(heir, pool->config->modules[id].name, &id) &&
	    is_same(module, &heir->quarantine.modules[id]))
		return (&heir->quarantine.modules[id]);
	return (module);
}

/* It has crashed once more: too often? */
static void
judge(struct quarantine_module *module, bool loading, uint64_t now)
{
	const struct config_pool *config = module->pool->config;
	uint32_t count;

	count = quarantine_count(
	    module, now, config->quarantine_window_ms * CLOCK_NS_PER_MS);
	if (count < config->quarantine_crashes)
		return;
	module->unloadable = module->unloadable || loading;
	if (module->active)
		return;
	log_err("module %s has crashed %u times in %g s: under quarantine; %s",
	    config->modules[module->id].name, (unsigned)count,
	    (double)config->quarantine_window_ms / 1000,
	    consequence(&config->modules[module->id]));
	impose(module);
}

bool
quarantine_crash(struct worker *worker, const struct culprit *culprit)
{
	const struct pool *pool = worker->pool;
	bool starting = pool->master->phase == MASTER_STARTING;
	bool loading = culprit->step == ACTIVITY_LOADING;
	struct quarantine_module *module;
	uint64_t now = clock_now();

	if (culprit->module >= pool->config->module_count)
		return (false);
	/* A reload that fails leaves nothing behind. */
	if (!pool->generation->served && !starting)
		return (false);
	module = find_counted(worker, culprit->module);
	/* The worker may have loaded a later one than was there at first. */
	if (module->pool == pool &&
	    *build_ids_get(worker->builds, culprit->module) != '\0')
		(void)strlcpy(module->build,
		    build_ids_get(worker->builds, culprit->module),
		    sizeof(module->build));
	module->times_ns[module->crashes++ % QUARANTINE_CRASHES_MAX] = now;
	if (starting)
		return (loading && crashed_at_start(worker, module));
	judge(module, loading, now);
	return (false);
}

bool
quarantine_impose(struct pool *pool, uint32_t id)
{
	struct quarantine_module *module = &pool->quarantine.modules[id];

	if (module->active)
		return (false);
	log_warn("module %s is put under quarantine by the operator; %s",
	    pool->config->modules[id].name,
	    consequence(&pool->config->modules[id]));
	impose(module);
	return (true);
}

bool
quarantine_lift(struct pool *pool, uint32_t id, const char *why)
{
	struct quarantine_module *module = &pool->quarantine.modules[id];

	if (!module->active)
		return (false);
	log_info("module %s is released from quarantine: %s",
	    pool->config->modules[id].name, why);
	module->active = false;
	module->unloadable = false;
	module->pardoned = module->crashes;
	loop_timer_clear(&pool->master->loop, &module->release);
	quarantine_tell(pool);
	/* Who hasn't loaded it never will. */
	for (uint32_t i = 0; i < pool->worker_count; i++)
		if ((pool->workers[i].unloaded >> id & 1) != 0)
			recycle_want(&pool->workers[i]);
	recycle_step(pool);
	return (true);
}

void
quarantine_go_on(struct quarantine_module *module)
{
	struct loop *loop = &module->pool->master->loop;
	uint64_t limit_ms = module->pool->config->quarantine_release_ms;
	uint64_t spent_ms = (clock_now() - module->since_ns) / CLOCK_NS_PER_MS;

	loop_timer_clear(loop, &module->release);
	if (module->active && limit_ms > 0)
		loop_timer_set(loop, &module->release,
		    spent_ms < limit_ms ? limit_ms - spent_ms : 0);
}

static void
carry(const struct quarantine_module *old, struct quarantine_module *new,
    bool tell)
{
	bool same = is_same(old, new);

	memcpy(new->times_ns, old->times_ns, sizeof(new->times_ns));
	new->crashes = old->crashes;
	new->pardoned = same ? old->pardoned : old->crashes;
	new->active = same && old->active;
	new->unloadable = same && old->unloadable;
	new->since_ns = old->since_ns;
	quarantine_go_on(new);
	if (tell && old->active && !same)
		log_info("module %s is released from quarantine: it is another "
			 "build, or has other settings",
		    new->pool->config->modules[new->id].name);
}

void
quarantine_carry(struct pool *pool, struct pool *heir, bool tell)
{
	uint32_t id;

	for (uint32_t i = 0; i < pool->config->module_count; i++)
		if (pool_find_module(heir, pool->config->modules[i].name, &id))
			carry(&pool->quarantine.modules[i],
			    &heir->quarantine.modules[id], tell);
}

uint32_t
quarantine_unloadable(const struct pool *pool)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < SEGMENT_MODULES_MAX; i++)
		if (pool->quarantine.modules[i].unloadable)
			mask |= UINT32_C(1) << i;
	return (mask);
}

void
quarantine_message(
    const struct worker *worker, struct message_quarantine *ret_body)
{
	const struct pool *pool = worker->pool;
	uint64_t release_ms = pool->config->quarantine_release_ms;
	uint32_t mask = worker->unloaded;

	for (uint32_t i = 0; i < SEGMENT_MODULES_MAX; i++)
		if (pool->quarantine.modules[i].active)
			mask |= UINT32_C(1) << i;
	ret_body->modules = mask;
	ret_body->retry_after_s = release_ms == 0
				      ? QUARANTINE_RETRY_S
				      : (uint32_t)((release_ms + 999) / 1000);
}
