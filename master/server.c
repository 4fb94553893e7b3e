/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's phases. Runs in the master.
 *
 *	STARTING -> SERVING -> STOPPING -> DRAINING -> (loop ends)
 *	    '----------'-----------'-----------'-----> ENDING -> (loop ends)
 */
#include "master/server.h"

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

/* How many connections the descriptors allow; all segments have as many. */
static int
size_table(struct master *master, struct reason *why)
{
	const struct config *config = master->config;
	size_t reserve = SERVER_RESERVE + (size_t)SERVER_RESERVE_PER_WORKER *
					      (config->pools[0]->workers +
						  config->pools[0]->spares + 1);
	size_t limit, slots;
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
		    limit, (unsigned)config->pools[0]->workers,
		    reserve + SERVER_SLOTS_MIN));
	slots = limit - reserve;
	if (slots > config->slots_max)
		slots = config->slots_max;
	master->geometry = segment_default_geometry(
	    (uint32_t)slots, config->pools[0]->module_count);
	error = connections_init(&master->connections, (uint32_t)slots);
	if (error != 0)
		return (reason_set(why, error, "out of memory"));
	return (0);
}

static int
make_workers(struct master *master, struct reason *why)
{
	const struct config *config = master->config;
	uint32_t regular = config->pools[0]->workers;
	uint32_t count = regular + (uint32_t)config->pools[0]->spares + 1;

	/* One is enough to tell whether the modules load. */
	if (config->check)
		regular = count = 1;
	master->workers = calloc(count, sizeof(*master->workers));
	if (master->workers == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	for (uint32_t i = 0; i < count; i++) {
		supervise_init(&master->workers[i], master, i + 1);
		if (i >= regular)
			master->workers[i].role = WORKER_SPARE;
	}
	if (!config->check)
		master->workers[count - 1].role = WORKER_RESERVE;
	master->worker_count = count;
	return (0);
}

/* With -t nothing is opened that a running server would be disturbed by. */
static int
open_sockets(struct master *master, struct reason *why)
{
	const struct config *config = master->config;
	int error = 0;

	if (!config->check) {
		error = acceptor_open(&master->acceptor, master, why);
		if (error == 0)
			error = control_open(&master->control, master, why);
		if (error == 0)
			error = admin_open(&master->admin, master, why);
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

	return (names[master->phase]);
}

static void
raise_event(struct master *master, enum worker_event event)
{
	for (uint32_t i = 0; i < master->worker_count; i++)
		supervise_event(&master->workers[i], event);
}

uint32_t
server_count_workers(const struct master *master, enum worker_state state)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < master->worker_count; i++)
		count += master->workers[i].state == state;
	return (count);
}

uint32_t
server_count_regular(const struct master *master)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < master->worker_count; i++)
		count += master->workers[i].role == WORKER_REGULAR;
	return (count);
}

/* How many of the regular ones serve. */
static uint32_t
count_serving(const struct master *master)
{
	const struct worker *worker;
	uint32_t count = 0;

	for (uint32_t i = 0; i < master->worker_count; i++) {
		worker = &master->workers[i];
		count += worker->role == WORKER_REGULAR &&
			 worker->state == WORKER_SERVING;
	}
	return (count);
}

static void
start_workers(struct master *master)
{
	for (uint32_t i = 0; i < master->worker_count; i++)
		if (master->workers[i].role != WORKER_RESERVE)
			supervise_event(&master->workers[i], WORKER_START);
}

/* The loop ends when nobody is left. */
static void
end_when_alone(struct master *master)
{
	if (master->phase >= MASTER_DRAINING &&
	    server_count_workers(master, WORKER_DOWN) == master->worker_count)
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

int
server_open(struct master *master, const struct config *config,
    struct activation *activation, struct reason *why)
{
	int error;

	memset(master, 0, sizeof(*master));
	master->config = config;
	master->activation = activation;
	master->started_ns = clock_now();
	master->signals.fd = -1;
	master->stop_timer.owner = master;
	master->stop_timer.handle = stop_due;
	handoff_init(&master->handoff, master);
	watch_init(master);
	quarantine_init(master);
	recycle_init(master);
	oom_init(&master->oom);
	error = loop_init(&master->loop);
	if (error == 0)
		error = signals_open(&master->signals, master);
	if (error != 0)
		return (reason_set(
		    why, error, "can't start: %s", strerror(-error)));
	notify_open(master);
	error = size_table(master, why);
	if (error == 0)
		error = open_sockets(master, why);
	if (error == 0 && activation != NULL)
		activation_close(activation);
	master->activation = NULL;
	if (error == 0)
		error = make_workers(master, why);
	if (error == 0) {
		start_workers(master);
		admin_start(&master->admin);
	}
	return (error);
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
	for (uint32_t i = 0; i < master->worker_count; i++)
		supervise_finish(&master->workers[i]);
	admin_close(&master->admin);
	control_close(&master->control);
	acceptor_stop(&master->acceptor);
	connections_fini(&master->connections);
	recover_fini(master);
	reports_fini(master);
	notify_close(master);
	signals_close(&master->signals, &master->loop);
	loop_fini(&master->loop);
	free(master->workers);
	master->workers = NULL;
	master->worker_count = 0;
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
	notify_stopping(master);
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

/* All first workers serve. */
static void
become_ready(struct master *master)
{
	const struct acceptor *acceptor = &master->acceptor;
	int error;

	master->phase = MASTER_SERVING;
	if (master->config->check) {
		(void)puts("configuration ok");
		(void)fflush(stdout);
		server_stop(master);
		return;
	}
	error = acceptor_start(&master->acceptor);
	if (error != 0) {
		log_err("can't watch the listeners: %s", strerror(-error));
		end_now(master, EXIT_FAILURE);
		return;
	}
	recycle_start(master);
	notify_ready(master);
	for (size_t i = 0; i < acceptor->count; i++)
		log_info("listening on %s", acceptor->listeners[i].name);
	admin_tell(&master->admin);
	log_info("ready: %u workers, %u modules",
	    (unsigned)server_count_regular(master),
	    (unsigned)master->config->pools[0]->module_count);
}

void
server_worker_serving(struct master *master)
{
	watch_start(master);
	if (master->phase == MASTER_STARTING) {
		if (count_serving(master) == server_count_regular(master))
			become_ready(master);
		return;
	}
	spare_promote(master);
	recycle_step(master);
	handoff_run(master);
}

/* One that was started to replace another, or the one that it replaced. */
static bool
is_surplus(const struct worker *worker)
{
	const struct master *master = worker->master;
	uint32_t spares = 0;

	if (worker->role != WORKER_SPARE)
		return (worker->role == WORKER_RESERVE);
	for (uint32_t i = 0; i < master->worker_count; i++)
		spares += master->workers[i].role == WORKER_SPARE;
	return (spares > master->config->pools[0]->spares);
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

void
server_worker_down(struct master *master, struct worker *worker)
{
	switch (master->phase) {
	case MASTER_STARTING:
		/* Its line has been told; the others' would be the same. */
		if (worker->forgiven) {
			replace(worker);
			return;
		}
		end_now(master, EXIT_FAILURE);
		return;
	case MASTER_SERVING:
		/* The clients first: a start takes some milliseconds. */
		spare_promote(master);
		handoff_run(master);
		replace(worker);
		if (worker->retired)
			recycle_step(master);
		break;
	case MASTER_STOPPING:
	case MASTER_DRAINING:
		spare_promote(master);
		break;
	case MASTER_ENDING:
		break; /* why it came to that has been told */
	}
	handoff_run(master);
	if (server_count_workers(master, WORKER_SERVING) == 0)
		drain(master);
	end_when_alone(master);
}
