/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Supervision of workers: what the actions of the table do. Runs in the master.
 */
#include "master/supervise.h"

#include "master/build_id.h"
#include "master/channel.h"
#include "master/let_go.h"
#include "master/master.h"
#include "master/obituary.h"
#include "master/recover.h"
#include "master/report.h"
#include "master/spare.h"
#include "master/spawn.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void
timer_due(struct loop_timer *timer)
{
	supervise_event(timer->owner, WORKER_TIMEOUT);
}

/*
 * It is dead, but what it said before may still be unread: a connection that
 * it closed in order must not be reset now.
 */
static void
death_told(struct loop_source *source, uint32_t events)
{
	struct worker *worker = source->owner;

	(void)events;
	channel_read_all(worker);
	supervise_event(worker, WORKER_DIED);
}

void
supervise_init(struct worker *worker, struct pool *pool, uint32_t number)
{
	memset(worker, 0, sizeof(*worker));
	worker->master = pool->master;
	worker->pool = pool;
	worker->number = number;
	worker->pidfd = -1;
	worker->socket = -1;
	worker->segment_fds = (struct segment_fds){ -1, -1, -1 };
	worker->death.owner = worker;
	worker->death.handle = death_told;
	worker->timer.owner = worker;
	worker->timer.handle = timer_due;
	connection_owner_init(&worker->owner);
	channel_init(worker);
}

static void
free_incarnation(struct worker *worker)
{
	struct loop *loop = &worker->master->loop;

	loop_timer_clear(loop, &worker->timer);
	loop_remove(loop, &worker->death);
	channel_close(worker);
	segment_unmap(&worker->view);
	let_go(&worker->segment_fds, &worker->pidfd);
	free(worker->builds);
	worker->builds = NULL;
	worker->pid = 0;
}

static int
make_segment(struct worker *worker)
{
	const struct pool *pool = worker->pool;
	const char *names[SEGMENT_MODULES_MAX];
	int error;

	for (uint32_t i = 0; i < pool->config->module_count; i++)
		names[i] = pool->config->modules[i].name;
	error = segment_create(&pool->geometry, worker->number,
	    worker->incarnation, names, &worker->segment_fds);
	if (error != 0)
		return (reason_set(&worker->failure, error,
		    "worker %u: no segment for it: %s",
		    (unsigned)worker->number, strerror(-error)));
	return (0);
}

static int
make_process(struct worker *worker)
{
	struct master *master = worker->master;
	const struct config_pool *pool = worker->pool->config;
	struct spawn spawn = {
		.path = worker->pool->generation->config->worker,
		.fds = &worker->segment_fds,
		.identity = &pool->identity,
		.descriptors = master->worker_descriptors,
		.core_dumps = pool->core_dumps,
	};
	int sockets[2];
	int error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, sockets) != 0)
		return (-errno);
	worker->socket = sockets[0];
	spawn.socket = sockets[1];
	error = spawn_worker(&spawn, &worker->pid, &worker->pidfd);
	fd_close(&sockets[1]);
	if (error == 0)
		error = loop_add(
		    &master->loop, &worker->death, worker->pidfd, EPOLLIN);
	if (error == 0)
		error = channel_open(worker);
	if (error == 0)
		error = channel_send_boot(worker);
	return (error);
}

static void
act_spawn(struct worker *worker)
{
	struct master *master = worker->master;
	int error;

	worker->incarnation = ++master->incarnations;
	worker->started_ns = clock_now();
	worker->ready_ns = 0;
	worker->failure.text[0] = '\0';
	worker->owed = 0;
	worker->hung = false;
	worker->choked = false;
	worker->killed = false;
	worker->retired = false;
	worker->recycle = false;
	worker->forgiven = false;
	worker->unloaded = quarantine_unloadable(worker->pool);
	watch_begin(&worker->watch);
	worker->blocked = false;
	worker->stalled = false;
	worker->rest_ns = 0;
	worker->load = 0;
	worker->bad_reports = 0;
	worker->builds = build_ids_read(worker->pool->config);
	error = make_segment(worker);
	if (error == 0) {
		error = make_process(worker);
		if (error != 0)
			(void)reason_set(&worker->failure, error,
			    "worker %u: can't start %s: %s",
			    (unsigned)worker->number,
			    worker->pool->generation->config->worker,
			    strerror(-error));
	}
	if (error != 0) {
		supervise_event(worker, WORKER_STILLBORN);
		return;
	}
	master->workers_started++;
	loop_timer_set(&master->loop, &worker->timer,
	    worker->pool->config->start_limit_ms);
}

/* Its process, if there is one at all, must not stay. */
static void
act_retry(struct worker *worker)
{
	supervise_finish(worker);
	worker->quick_deaths++;
	if (worker->master->phase < MASTER_ENDING)
		log_err("%s", worker->failure.text);
	server_worker_down(worker, worker->failure.text);
}

/*
 * The worker has mapped what it needs. From here on nothing can grow, shrink
 * or map this memory writable any more, and only now may modules load.
 */
static void
act_seal(struct worker *worker)
{
	int error;

	error = segment_seal(&worker->segment_fds);
	if (error == 0)
		error =
		    segment_map_reader(worker->segment_fds.ro, &worker->view);
	if (error == 0 &&
	    memcmp(&worker->view.geometry, &worker->pool->geometry,
		sizeof(worker->view.geometry)) != 0)
		error = -EPROTO;
	if (error == 0)
		error = channel_send(worker, MESSAGE_START);
	if (error == 0) {
		channel_pay(worker); /* what it couldn't hear before that */
		return;
	}
	log_err("worker %u (pid %d): its segment can't be sealed: %s",
	    (unsigned)worker->number, (int)worker->pid, strerror(-error));
	supervise_event(worker, WORKER_NONSENSE);
}

static void
act_serve(struct worker *worker)
{
	struct message_quarantine quarantine;

	loop_timer_clear(&worker->master->loop, &worker->timer);
	worker->ready_ns = clock_now();
	quarantine_message(worker, &quarantine);
	if (quarantine.modules != 0)
		channel_owe(worker, CHANNEL_QUARANTINE);
	/* Before its first connection. */
	if (worker->pool->log.fd != -1)
		channel_owe(worker, CHANNEL_LOG);
	server_worker_serving(worker);
}

static void
act_kill(struct worker *worker)
{
	loop_timer_clear(&worker->master->loop, &worker->timer);
	channel_mute(worker);
	worker->killed = true;
	(void)pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
}

static void
act_linger(struct worker *worker)
{
	loop_timer_set(
	    &worker->master->loop, &worker->timer, SUPERVISE_LINGER_MS);
}

/* ${was} tells which of the limits it overstayed. */
static void
act_late(struct worker *worker, enum worker_state was)
{
	const struct config_pool *config = worker->pool->config;

	if (was == WORKER_DRAINING || was == WORKER_RETIRING)
		log_warn("worker %u (pid %d) did not finish in %g s: killed",
		    (unsigned)worker->number, (int)worker->pid,
		    (double)config->drain_limit_ms / 1000);
	else
		(void)reason_set(&worker->failure, -ETIMEDOUT,
		    "worker %u did not become ready in %g s",
		    (unsigned)worker->number,
		    (double)config->start_limit_ms / 1000);
	act_kill(worker);
}

/*
 * It hangs: it shall end, and leave a core if it may. SIGCONT, because a
 * stopped process does neither.
 */
static void
act_abort(struct worker *worker)
{
	worker->hung = true;
	loop_timer_set(&worker->master->loop, &worker->timer,
	    worker->pool->config->hang_grace_ms);
	(void)pidfd_send_signal(worker->pidfd, SIGABRT, NULL, 0);
	(void)pidfd_send_signal(worker->pidfd, SIGCONT, NULL, 0);
	spare_promote(worker->pool);
}

static void
act_retire(struct worker *worker)
{
	loop_timer_set(&worker->master->loop, &worker->timer,
	    worker->pool->config->drain_limit_ms);
	worker->retired = true;
	channel_owe(worker, CHANNEL_RETIRE);
}

static void
act_drain(struct worker *worker)
{
	loop_timer_set(&worker->master->loop, &worker->timer,
	    worker->pool->config->drain_limit_ms);
	channel_owe(worker, CHANNEL_DRAIN);
}

/* How long it served says whether this was an accident or a pattern. */
static void
count_death(struct worker *worker, bool unexpected)
{
	uint64_t lived_ms = 0;

	if (!unexpected)
		return;
	if (worker->ready_ns != 0)
		lived_ms = (clock_now() - worker->ready_ns) / CLOCK_NS_PER_MS;
	if (lived_ms >= SUPERVISE_HEALTHY_MS)
		worker->quick_deaths = 0;
	else if (lived_ms < SUPERVISE_QUICK_MS)
		worker->quick_deaths++;
	else
		worker->quick_deaths /= 2; /* it is better than it was */
}

/*
 * Why all workers of a failed reload end is told once, by the reload; a crash
 * has its own entry all the same.
 */
static bool
is_news(const struct worker *worker, const struct obituary *obituary)
{
	const struct generation *generation = worker->pool->generation;

	if (obituary->text[0] == '\0' || worker->master->phase >= MASTER_ENDING)
		return (false);
	if (generation == worker->master->generation || generation->served)
		return (true);
	return (generation->state == GENERATION_STARTING && !obituary->refused);
}

/*
 * What an operator ends isn't its module's crash, nor is what no callback has
 * done; and one that was well until then needn't be held back.
 */
static void
hold_against(struct worker *worker, const struct crash *crash, bool unexpected)
{
	const bool blameless = crash->cause == CAUSE_OUTSIDE ||
			       worker->choked ||
			       (worker->hung && worker->watch.stopped);

	if (!blameless || crash->known || worker->ready_ns == 0)
		count_death(worker, unexpected);
	if (unexpected && crash->known && !blameless)
		worker->forgiven = quarantine_crash(worker, &crash->culprit);
}

static void
act_bury(struct worker *worker)
{
	struct report *report = report_open(worker->master);
	struct crash nowhere,
	    *crash = report != NULL ? &report->crash : &nowhere;
	struct access_rest rest;
	struct obituary obituary;
	enum cause cause;
	siginfo_t end;

	memset(&end, 0, sizeof(end));
	/*
	 * Our own child and readable: this neither fails nor waits. Reaping
	 * may wait, and is let_go()'s.
	 */
	(void)waitid(
	    P_PIDFD, (id_t)worker->pidfd, &end, WEXITED | WNOHANG | WNOWAIT);
	cause = cause_find(worker, &end);
	obituary_write(worker, &end, cause, &obituary);
	crash_collect(worker, &end, cause, crash);
	if (!retired_fold(&worker->master->retired, &worker->view,
		worker->pool->config->name))
		log_warn("worker %u: there is no room for its figures in the "
			 "totals: too many modules have come and gone",
		    (unsigned)worker->number);
	access_log_take(worker, &rest);
	recover_connections(worker, report);
	access_log_put(worker->pool, &rest);
	if (obituary.unexpected)
		worker->master->workers_died++;
	hold_against(worker, crash, obituary.unexpected);
	free_incarnation(worker);
	if (is_news(worker, &obituary))
		obituary_publish(&obituary, crash);
	server_worker_down(worker, obituary.text);
	/* Only now: the clients come before the paper. */
	if (report != NULL && obituary.unexpected && !obituary.refused)
		report_wait(report);
	else if (report != NULL)
		report_drop(report);
}

void
supervise_event(struct worker *worker, enum worker_event event)
{
	enum worker_state was = worker->state;
	struct supervise_step step = supervise_step(was, event);

	/* The actions may raise further events: the state is set first. */
	worker->state = step.next;
	switch (step.action) {
	case SUPERVISE_NOTHING:
		break;
	case SUPERVISE_SPAWN:
		act_spawn(worker);
		break;
	case SUPERVISE_RETRY:
		act_retry(worker);
		break;
	case SUPERVISE_SEAL:
		act_seal(worker);
		break;
	case SUPERVISE_SERVE:
		act_serve(worker);
		break;
	case SUPERVISE_LINGER:
		act_linger(worker);
		break;
	case SUPERVISE_LATE:
		act_late(worker, was);
		break;
	case SUPERVISE_KILL:
		if (event == WORKER_TIMEOUT && !worker->hung &&
		    worker->failure.text[0] == '\0')
			(void)reason_set(&worker->failure, -ETIMEDOUT,
			    "worker %u (pid %d) hung up and did not end: "
			    "killed",
			    (unsigned)worker->number, (int)worker->pid);
		act_kill(worker);
		break;
	case SUPERVISE_ABORT:
		act_abort(worker);
		break;
	case SUPERVISE_RETIRE:
		act_retire(worker);
		break;
	case SUPERVISE_DRAIN:
		act_drain(worker);
		break;
	case SUPERVISE_CANCEL:
		loop_timer_clear(&worker->master->loop, &worker->timer);
		break;
	case SUPERVISE_BURY:
		act_bury(worker);
		break;
	}
}

void
supervise_finish(struct worker *worker)
{
	if (worker->pid != 0 && worker->pidfd != -1)
		(void)pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
	free_incarnation(worker);
	worker->state = WORKER_DOWN;
}
