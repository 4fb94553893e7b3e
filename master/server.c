/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's phases. Runs in the master.
 *
 *	STARTING -> SERVING -> STOPPING -> DRAINING -> (loop ends)
 *	    '----------'-----------'-----------'-----> ENDING -> (loop ends)
 */
#include "master/server.h"

#include "master/kept_master.h"
#include "master/let_go.h"
#include "master/master.h"
#include "master/recover.h"
#include "master/report.h"
#include "master/recycle.h"
#include "master/spare.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t
count_workers(const struct config *config)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < config->pool_count; i++)
		count += config->pools[i]->workers +
			 (uint32_t)config->pools[i]->spares + 1;
	return (count);
}

/*
 * Descriptors that are on their way through Unix sockets count for their user,
 * and each sender is refused by its own limit. So a worker's is lower than
 * ours, or a module that fills sockets of its own with descriptors would keep
 * us from handing over any, to whatever worker of the same user. Below ours by
 * this at least: one message beyond its limit, as the kernel looks before it
 * counts, and one of ours.
 */
static size_t
least_margin(size_t limit)
{
	const size_t enough = 2 * (size_t)FD_PASS_MAX;

	return (limit / 4 < enough ? limit / 4 : enough);
}

/*
 * A worker's limit: it may have all connections of the table, and of what there
 * is beyond these, half; the other half is for what we have on its way, which
 * is never more than all of the table. What remains: threads that pass the
 * kernel's look all at once may each send a message beyond the limit;
 * handoff.c says so then.
 */
static size_t
limit_worker(size_t limit, size_t slots)
{
	const size_t needed = slots + WORKER_DESCRIPTORS;
	size_t margin;

	if (limit <= needed)
		return (0);
	margin = (limit - needed) / 2;
	if (margin > slots + FD_PASS_MAX)
		margin = slots + FD_PASS_MAX;
	if (margin < least_margin(limit))
		margin = least_margin(limit);
	return (limit - margin < needed ? needed : limit - margin);
}

/*
 * How many connections the descriptors allow; all segments have as many. At a
 * reload there are two generations of workers.
 */
static int
size_table(
    struct master *master, const struct config *config, struct reason *why)
{
	size_t workers = SERVER_GENERATIONS * count_workers(config);
	size_t reserve = SERVER_RESERVE + SERVER_RESERVE_PER_WORKER * workers;
	size_t limit, slots, workers_slots;
	int error;

	error = fd_raise_limit(&limit);
	if (error != 0)
		return (reason_set(why, error,
		    "can't raise the limit of open files: %s",
		    strerror(-error)));
	if (limit < reserve + SERVER_SLOTS_MIN)
		return (reason_set(why, -EMFILE,
		    "the limit of %zu open files is too low for %u workers; "
		    "raise it to %zu at least (ulimit -n, LimitNOFILE=)",
		    limit, (unsigned)(workers / SERVER_GENERATIONS),
		    reserve + SERVER_SLOTS_MIN));
	slots = limit - reserve;
	workers_slots = limit - least_margin(limit) - WORKER_DESCRIPTORS;
	if (slots > workers_slots)
		slots = workers_slots;
	if (slots > config->slots_max)
		slots = config->slots_max;
	master->worker_descriptors = limit_worker(limit, slots);
	master->workers_max = (uint32_t)((limit - SERVER_RESERVE - slots) /
					 SERVER_RESERVE_PER_WORKER);
	/* Before any thread: let_go.c. */
	(void)fd_make_room(STDERR_FILENO, slots + reserve);
	error = connections_init(&master->connections, (uint32_t)slots);
	if (error != 0)
		return (reason_set(why, error, "out of memory"));
	return (0);
}

/* With -t nothing is opened that a running server would be disturbed by. */
static int
open_sockets(struct master *master, struct reason *why)
{
	const struct config *config = master->config;
	int error = 0;

	if (!config->check) {
		error = acceptor_prepare(
		    &master->acceptor, master->generation, why);
		if (error == 0)
			error = control_open(&master->control, master, why);
		if (error == 0)
			error = admin_open(&master->admin, master, why);
		if (retired_create(&master->retired) != 0)
			log_warn("no memory for the figures of workers that "
				 "are gone: totals are those of the living");
		return (error);
	}
	for (size_t i = 0; error == 0 && i < config->listener_count; i++)
		error = listener_check(&config->listeners[i].address, why);
	if (error == 0 && config->admin != NULL)
		error = admin_check(config, why);
	return (error);
}

const char *
server_phase_name(const struct master *master)
{
	static const char *const names[] = {
		[MASTER_STARTING] = "starting",
		[MASTER_SERVING] = "serving",
		[MASTER_STOPPING] = "stopping",
		[MASTER_DRAINING] = "draining",
		[MASTER_ENDING] = "ending",
	};

	if (master->phase == MASTER_SERVING && master->leave.begun)
		return ("leaving");
	return (names[master->phase]);
}

static void
raise_event(struct master *master, enum worker_event event)
{
	struct pool *pool;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		pool_raise(pool, event);
	}
}

uint32_t
server_count_workers(const struct master *master, enum worker_state state)
{
	const struct pool *pool;
	uint32_t count = 0;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		count += pool_count_state(pool, state);
	}
	return (count);
}

uint32_t
server_count_regular(const struct master *master)
{
	const struct generation *generation = master->generation;
	uint32_t count = 0;

	for (uint32_t i = 0; i < generation->pool_count; i++)
		count += pool_count_role(&generation->pools[i], WORKER_REGULAR);
	return (count);
}

/* The loop ends when nobody is left. */
static void
end_when_alone(struct master *master)
{
	const struct pool *pool;

	if (master->phase < MASTER_DRAINING)
		return;
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		if (pool_count_state(pool, WORKER_DOWN) < pool->worker_count)
			return;
	}
	loop_stop(&master->loop);
}

static void
end_now(struct master *master, int exit_code)
{
	master->phase = MASTER_ENDING;
	master->exit_code = exit_code;
	acceptor_stop(&master->acceptor);
	handoff_run(master); /* resets what is queued */
	raise_event(master, WORKER_KILL);
	end_when_alone(master);
}

static void
drain(struct master *master)
{
	if (master->phase != MASTER_STOPPING)
		return;
	master->phase = MASTER_DRAINING;
	loop_timer_clear(&master->loop, &master->stop_timer);
	handoff_run(master); /* resets what is queued */
	raise_event(master, WORKER_STOP);
	end_when_alone(master);
}

static void
stop_due(struct loop_timer *timer)
{
	drain(timer->owner);
}

static int
open_loop(struct master *master, struct reason *why)
{
	int error;

	error = loop_init(&master->loop);
	if (error == 0)
		error = signals_open(&master->signals, master);
	if (error != 0)
		return (reason_set(
		    why, error, "can't start: %s", strerror(-error)));
	return (0);
}

/* Everything that opens nothing. */
static void
init(struct master *master, const struct config_source *source)
{
	memset(master, 0, sizeof(*master));
	if (source != NULL)
		master->source = *source;
	master->started_ns = clock_now();
	master->signals.fd = -1;
	master->stop_timer.owner = master;
	master->stop_timer.handle = stop_due;
	handoff_init(&master->handoff, master);
	acceptor_init(&master->acceptor, master);
	generations_init(master);
	watch_init(master);
	leave_init(&master->leave, master);
	recycle_init(master);
	oom_init(&master->oom);
}

int
server_open(struct master *master, struct config *config,
    const struct config_source *source, struct activation *activation,
    struct reason *why)
{
	int error;

	init(master, source);
	master->activation = activation;
	error = open_loop(master, why);
	if (error == 0)
		error = size_table(master, config, why);
	if (error != 0) {
		config_free(config);
		return (error);
	}
	error = generation_create(master, config, &master->generation);
	if (error != 0)
		return (reason_set(why, error, "out of memory"));
	master->config = master->generation->config;
	master->log_level = master->config->log_level;
	notify_open(master);
	error = open_sockets(master, why);
	if (error == 0 && activation != NULL)
		activation_close(activation);
	master->activation = NULL;
	if (error == 0) {
		generation_start(master->generation);
		admin_start(&master->admin);
	}
	return (error);
}

int
server_resume(struct master *master, const struct config_source *source,
    const struct kept *kept, struct reason *why)
{
	size_t limit;
	int error;

	init(master, source);
	error = open_loop(master, why);
	if (error == 0)
		error = kept_master_load(master, kept->root, why);
	if (error != 0)
		return (error);
	/* It is as high as it was. */
	if (fd_raise_limit(&limit) == 0)
		master->worker_descriptors =
		    limit_worker(limit, master->connections.max);
	log_set_level(master->log_level);
	master->phase = MASTER_SERVING;
	return (0);
}

/* Those that weren't there when it was all written down. */
static void
start_missing(struct generation *generation)
{
	struct worker *worker;
	struct pool *pool;

	for (uint32_t i = 0; i < generation->pool_count; i++) {
		pool = &generation->pools[i];
		for (uint32_t j = 0; j < pool->worker_count; j++) {
			worker = &pool->workers[j];
			if (worker->state == WORKER_DOWN &&
			    worker->role != WORKER_RESERVE)
				supervise_event(worker, WORKER_START);
		}
	}
}

void
server_go_on(struct master *master)
{
	struct reason why;
	int error;

	notify_open(master);
	error = acceptor_start(&master->acceptor);
	if (error != 0) {
		log_err("can't watch the listeners: %s", strerror(-error));
		end_now(master, EXIT_FAILURE);
		return;
	}
	if (admin_open(&master->admin, master, &why) == 0)
		admin_start(&master->admin);
	else
		log_err("%s", why.text);
	start_missing(master->generation);
	watch_start(master);
	recycle_start(master);
	generations_reap(master);
	handoff_run(master);
	notify_ready(master);
}

int
server_run(struct master *master)
{
	int error;

	error = loop_run(&master->loop);
	if (error != 0) {
		log_err("the event loop failed: %s", strerror(-error));
		return (EXIT_FAILURE);
	}
	return (master->exit_code);
}

void
server_close(struct master *master)
{
	struct pool *pool;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		for (uint32_t i = 0; i < pool->worker_count; i++)
			supervise_finish(&pool->workers[i]);
	}
	admin_close(&master->admin);
	control_close(&master->control);
	acceptor_stop(&master->acceptor);
	connections_fini(&master->connections);
	recover_fini(master);
	reports_fini(master);
	notify_close(master);
	generations_fini(master);
	retired_close(&master->retired);
	signals_close(&master->signals, &master->loop);
	loop_fini(&master->loop);
	let_go_finish();
}

void
server_stop(struct master *master)
{
	if (master->phase != MASTER_SERVING) {
		if (master->phase < MASTER_ENDING) {
			log_info("stopping now");
			end_now(master, EXIT_SUCCESS);
		}
		return;
	}
	master->phase = MASTER_STOPPING;
	leave_end(&master->leave);
	notify_stopping(master);
	reload_cancel(master, "the server stops");
	upgrade_cancel(master, "the server stops");
	acceptor_stop(&master->acceptor);
	if (!master->config->check)
		log_info("stopping: %zu connections are open",
		    master->connections.open);
	loop_timer_set(&master->loop, &master->stop_timer, SERVER_QUEUE_MS);
	handoff_run(master);
	if (master->connections.queued == 0)
		drain(master);
}

void
server_queue_empty(struct master *master)
{
	drain(master);
}

static void
log_listeners(const struct acceptor *acceptor)
{
	for (size_t i = 0; i < acceptor->now.count; i++)
		log_info("listening on %s", acceptor->now.listeners[i]->name);
}

/* All first workers serve. */
static void
become_ready(struct master *master)
{
	int error;

	master->phase = MASTER_SERVING;
	master->generation->state = GENERATION_SERVING;
	master->generation->served = true;
	if (master->config->check) {
		(void)puts("configuration ok");
		(void)fflush(stdout);
		server_stop(master);
		return;
	}
	acceptor_switch(&master->acceptor, master->generation);
	error = acceptor_start(&master->acceptor);
	if (error != 0) {
		log_err("can't watch the listeners: %s", strerror(-error));
		end_now(master, EXIT_FAILURE);
		return;
	}
	recycle_start(master);
	notify_ready(master);
	log_listeners(&master->acceptor);
	admin_tell(&master->admin);
	log_info("ready: %u workers, %u modules",
	    (unsigned)server_count_regular(master),
	    (unsigned)generation_modules(master->generation));
}

void
server_worker_serving(struct worker *worker)
{
	struct master *master = worker->master;
	struct generation *generation = worker->pool->generation;

	watch_start(master);
	if (generation->state == GENERATION_STARTING) {
		if (!generation_is_ready(generation))
			return;
		if (generation == master->generation)
			become_ready(master);
		else
			reload_ready(master);
		return;
	}
	spare_promote(worker->pool);
	recycle_step(worker->pool);
	handoff_run(master);
}

/* One that was started to replace another, or the one that it replaced. */
static bool
is_surplus(const struct worker *worker)
{
	const struct pool *pool = worker->pool;

	if (worker->role != WORKER_SPARE)
		return (worker->role == WORKER_RESERVE);
	return (pool_count_role(pool, WORKER_SPARE) > pool->config->spares);
}

/* At once, or after its backoff. */
static void
replace(struct worker *worker)
{
	uint32_t after_ms = supervise_backoff(worker->quick_deaths);

	if (is_surplus(worker)) {
		worker->role = WORKER_RESERVE;
		return;
	}
	if (after_ms == 0) {
		supervise_event(worker, WORKER_START);
		return;
	}
	log_warn("worker %u has died early %u times: its next start in "
		 "%u ms",
	    (unsigned)worker->number, (unsigned)worker->quick_deaths,
	    (unsigned)after_ms);
	/* Those that died together needn't start together. */
	loop_timer_set(&worker->master->loop, &worker->timer,
	    after_ms - arc4random_uniform(after_ms / 4));
}

/* Its generation serves, and so does the server. */
static void
lose_worker(struct worker *worker)
{
	/* The clients first: a start takes some milliseconds. */
	spare_promote(worker->pool);
	handoff_run(worker->master);
	replace(worker);
	if (worker->retired)
		recycle_step(worker->pool);
}

/* It is one of another generation than the one that serves. */
static void
lose_other(struct worker *worker, const char *text)
{
	if (worker->pool->generation->state == GENERATION_STARTING)
		reload_fail(worker->master, text);
	else
		generations_reap(worker->master);
}

void
server_worker_down(struct worker *worker, const char *text)
{
	struct master *master = worker->master;

	switch (master->phase) {
	case MASTER_STARTING:
		/* Its line has been told; the others' would be the same. */
		if (worker->forgiven)
			replace(worker);
		else
			end_now(master, EXIT_FAILURE);
		return;
	case MASTER_SERVING:
		if (worker->pool->generation == master->generation)
			lose_worker(worker);
		else
			lose_other(worker, text);
		break;
	case MASTER_STOPPING:
	case MASTER_DRAINING:
		spare_promote(worker->pool);
		break;
	case MASTER_ENDING:
		break; /* why it came to that has been told */
	}
	handoff_run(master);
	if (server_count_workers(master, WORKER_SERVING) == 0)
		drain(master);
	end_when_alone(master);
}
