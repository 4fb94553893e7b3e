/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crash-loop breaker, a module each. Runs in the master.
 */
#include "master/quarantine.h"

#include "master/channel.h"
#include "master/culprit.h"
#include "master/master.h"
#include "master/recycle.h"
#include "shm/activity.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"

static void
release_due(struct loop_timer *timer)
{
	struct quarantine_module *module = timer->owner;

	(void)quarantine_lift(
	    module->master, module->id, "quarantine-release is over");
}

void
quarantine_init(struct master *master)
{
	struct quarantine_module *module;

	for (uint32_t i = 0; i < SEGMENT_MODULES_MAX; i++) {
		module = &master->quarantine.modules[i];
		module->master = master;
		module->id = i;
		module->release.owner = module;
		module->release.handle = release_due;
	}
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
static void
tell_workers(struct master *master)
{
	struct worker *worker;

	for (uint32_t i = 0; i < master->worker_count; i++) {
		worker = &master->workers[i];
		if (worker->state == WORKER_SERVING ||
		    worker->state == WORKER_RETIRING)
			channel_owe(worker, CHANNEL_QUARANTINE);
	}
}

static void
impose(struct quarantine_module *module)
{
	struct master *master = module->master;

	module->active = true;
	module->since_ns = clock_now();
	if (master->config->pools[0]->quarantine_release_ms > 0)
		loop_timer_set(&master->loop, &module->release,
		    master->config->pools[0]->quarantine_release_ms);
	tell_workers(master);
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
	const struct config *config = worker->master->config;
	const struct config_module *settings =
	    &config->pools[0]->modules[module->id];

	if (settings->required || config->check ||
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

bool
quarantine_crash(struct worker *worker, const struct culprit *culprit)
{
	struct master *master = worker->master;
	const struct config *config = master->config;
	bool loading = culprit->step == ACTIVITY_LOADING;
	struct quarantine_module *module;
	uint64_t now = clock_now();
	uint32_t count;

	if (culprit->module >= config->pools[0]->module_count)
		return (false);
	module = &master->quarantine.modules[culprit->module];
	module->times_ns[module->crashes++ % QUARANTINE_CRASHES_MAX] = now;
	if (master->phase == MASTER_STARTING)
		return (loading && crashed_at_start(worker, module));
	count = quarantine_count(module, now,
	    config->pools[0]->quarantine_window_ms * CLOCK_NS_PER_MS);
	if (count < config->pools[0]->quarantine_crashes)
		return (false);
	module->unloadable = module->unloadable || loading;
	if (module->active)
		return (false);
	log_err("module %s has crashed %u times in %g s: under quarantine; %s",
	    config->pools[0]->modules[module->id].name, (unsigned)count,
	    (double)config->pools[0]->quarantine_window_ms / 1000,
	    consequence(&config->pools[0]->modules[module->id]));
	impose(module);
	return (false);
}

bool
quarantine_impose(struct master *master, uint32_t id)
{
	struct quarantine_module *module = &master->quarantine.modules[id];

	if (module->active)
		return (false);
	log_warn("module %s is put under quarantine by the operator; %s",
	    master->config->pools[0]->modules[id].name,
	    consequence(&master->config->pools[0]->modules[id]));
	impose(module);
	return (true);
}

bool
quarantine_lift(struct master *master, uint32_t id, const char *why)
{
	struct quarantine_module *module = &master->quarantine.modules[id];

	if (!module->active)
		return (false);
	log_info("module %s is released from quarantine: %s",
	    master->config->pools[0]->modules[id].name, why);
	module->active = false;
	module->unloadable = false;
	module->pardoned = module->crashes;
	loop_timer_clear(&master->loop, &module->release);
	tell_workers(master);
	/* Who hasn't loaded it never will. */
	for (uint32_t i = 0; i < master->worker_count; i++)
		if ((master->workers[i].unloaded >> id & 1) != 0)
			recycle_want(&master->workers[i]);
	recycle_step(master);
	return (true);
}

uint32_t
quarantine_unloadable(const struct master *master)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < SEGMENT_MODULES_MAX; i++)
		if (master->quarantine.modules[i].unloadable)
			mask |= UINT32_C(1) << i;
	return (mask);
}

void
quarantine_message(
    const struct worker *worker, struct message_quarantine *ret_body)
{
	const struct master *master = worker->master;
	uint64_t release_ms = master->config->pools[0]->quarantine_release_ms;
	uint32_t mask = worker->unloaded;

	for (uint32_t i = 0; i < SEGMENT_MODULES_MAX; i++)
		if (master->quarantine.modules[i].active)
			mask |= UINT32_C(1) << i;
	ret_body->modules = mask;
	ret_body->retry_after_s = release_ms == 0
				      ? QUARANTINE_RETRY_S
				      : (uint32_t)((release_ms + 999) / 1000);
}
