/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking for workers that hang. Runs in the master, by a timer of its loop.
 */
#include "master/watch.h"

#include "master/channel.h"
#include "master/culprit.h"
#include "master/master.h"
#include "master/peek.h"
#include "master/recycle.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
	CREDIT_MS = 2 * WATCH_ASLEEP_MS, /* one look stands for no more */
	DURATION_TEXT = 32,
};

void
watch_begin(struct watch *watch)
{
	memset(watch, 0, sizeof(*watch));
}

/*
 * Time between two refusals counts, when nothing was taken meanwhile; but no
 * more of it than a look stands for, as it may have been offered nothing.
 */
static void
update_refusing(struct watch *watch, const struct watch_sight *sight,
    uint64_t now_ns, bool first)
{
	const uint64_t most = CREDIT_MS * CLOCK_NS_PER_MS;
	const bool refuses = !first && sight->refused != watch->refused;
	uint64_t elapsed;

	watch->refuses = watch->refuses || refuses;
	if (first || sight->taken != watch->taken) {
		watch->refusing_ns = 0;
		watch->refused_ns = 0;
	} else if (refuses) {
		elapsed =
		    watch->refused_ns == 0 ? 0 : now_ns - watch->refused_ns;
		watch->refusing_ns += elapsed < most ? elapsed : most;
		watch->refused_ns = now_ns;
	}
	watch->taken = sight->taken;
	watch->refused = sight->refused;
}

void
watch_update(
    struct watch *watch, const struct watch_sight *sight, uint64_t now_ns)
{
	const uint64_t most = CREDIT_MS * CLOCK_NS_PER_MS;
	uint64_t before = watch->looked_ns, elapsed;

	if (now_ns < before)
		return;
	elapsed = before == 0 ? 0 : now_ns - before;
	watch->looked_ns = now_ns;
	update_refusing(watch, sight, now_ns, before == 0);
	if (before != 0 && sight->owing && sight->answers == watch->answers)
		watch->owing_ns += elapsed < most ? elapsed : most;
	else
		watch->owing_ns = 0;
	watch->answers = sight->answers;
	if (before != 0 && sight->turn == watch->turn) {
		watch->quiet_ns += elapsed < most ? elapsed : most;
	} else {
		watch->quiet_ns = 0;
		watch->asked = false;
	}
	if (watch->stopped || (before != 0 && sight->turn == watch->turn &&
				  (!sight->asleep || watch->asked))) {
		watch->still_ns += elapsed < most ? elapsed : most;
		return;
	}
	watch->turn = sight->turn;
	watch->still_ns = 0;
	/* What isn't between our two looks can't be when this turn began. */
	if (!sight->asleep && before != 0 && sight->turn_ns > before &&
	    sight->turn_ns <= now_ns)
		watch->still_ns = now_ns - sight->turn_ns;
}

static bool
is_watched(const struct worker *worker)
{
	return (worker->state == WORKER_SERVING ||
		worker->state == WORKER_RETIRING ||
		worker->state == WORKER_DRAINING);
}

/* Returns whether it is awake. */
static bool
look(struct worker *worker, uint64_t now)
{
	const struct config_pool *config = worker->pool->config;
	struct watch *watch = &worker->watch;
	struct watch_sight sight;

	peek_sight(&worker->view, &sight);
	sight.owing = worker->owner.offered > 0;
	sight.answers = worker->owner.answers;
	sight.taken = worker->owner.taken;
	sight.refused = worker->owner.refused;
	watch_update(watch, &sight, now);
	worker->stalled =
	    watch_late(watch) >= config->hang_warn_ms * CLOCK_NS_PER_MS;
	return (watch->stopped || watch->asked || !sight.asleep || sight.owing);
}

/* It says that it sleeps; that may be the last that it will ever say. */
static void
ask(struct worker *worker)
{
	struct watch *watch = &worker->watch;
	uint64_t ms = worker->pool->config->hang_limit_ms / 4;

	if (ms > WATCH_PING_MS)
		ms = WATCH_PING_MS;
	if (!watch->asked && watch->quiet_ns >= ms * CLOCK_NS_PER_MS)
		watch->asked = channel_send(worker, MESSAGE_PING) == 0;
}

/* Reading its state leaves it there for the next look. */
static void
look_whether_stopped(struct worker *worker, uint64_t now)
{
	siginfo_t status;
	bool stopped;

	memset(&status, 0, sizeof(status));
	stopped = waitid(P_PIDFD, (id_t)worker->pidfd, &status,
		      WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
		  status.si_pid != 0;
	if (stopped == worker->watch.stopped)
		return;
	worker->watch.stopped = stopped;
	worker->watch.still_ns = 0;
	worker->watch.looked_ns = now;
}

static void
format_duration(uint64_t ns, char *ret_text)
{
	if (ns < 10 * CLOCK_NS_PER_SEC)
		(void)snprintf(ret_text, DURATION_TEXT, "%u ms",
		    (unsigned)(ns / CLOCK_NS_PER_MS));
	else
		(void)snprintf(ret_text, DURATION_TEXT, "%.1f s",
		    (double)(ns / CLOCK_NS_PER_MS) / 1000);
}

/*
 * What it hangs in: " in module faulty, begin_request, request 3-17". One that
 * is stopped may be in a callback, too.
 */
static void
describe(const struct worker *worker, char *text, size_t size)
{
	const bool stopped = worker->watch.stopped;
	struct culprit culprit;

	*text = '\0';
	if (culprit_find_dispatching(&worker->view, &culprit))
		culprit_describe(&culprit, text, size);
	else if (worker->watch.owing_ns > worker->watch.still_ns)
		(void)strlcpy(text, ": it takes no connection", size);
	else if (!stopped)
		(void)snprintf(text, size, " outside any module");
	if (stopped)
		(void)strlcat(text, " (stopped by a signal)", size);
}

static void
warn(struct worker *worker)
{
	struct watch *watch = &worker->watch;
	char duration[DURATION_TEXT], text[CULPRIT_TEXT];

	describe(worker, text, sizeof(text));
	format_duration(watch_late(watch), duration);
	log_warn("worker %u (pid %d) has made no progress for %s%s",
	    (unsigned)worker->number, (int)worker->pid, duration, text);
	watch->warned = true;
	while (watch->warn_ns <= watch_late(watch))
		watch->warn_ns *= 2;
}

static void
give_up(struct worker *worker)
{
	char duration[DURATION_TEXT], text[CULPRIT_TEXT];

	describe(worker, text, sizeof(text));
	format_duration(watch_late(&worker->watch), duration);
	log_err("worker %u (pid %d) hangs for %s%s: aborted",
	    (unsigned)worker->number, (int)worker->pid, duration, text);
	supervise_event(worker, WORKER_HUNG);
}

/* Those that can be replaced in order are; then those that must be. */
static void
end_refusing(struct worker *worker)
{
	const uint64_t limit =
	    worker->pool->config->hang_limit_ms * CLOCK_NS_PER_MS;
	const uint64_t refusing = worker->watch.refusing_ns;
	const bool aborted =
	    refusing >= 2 * limit &&
	    pool_count_state(worker->pool, WORKER_RETIRING) == 0;
	char duration[DURATION_TEXT];

	if (worker->state != WORKER_SERVING || refusing < limit ||
	    (worker->recycle && !aborted))
		return;
	format_duration(refusing, duration);
	log_err("worker %u (pid %d) has taken no connection for %s and refused "
		"all it was offered: %s",
	    (unsigned)worker->number, (int)worker->pid, duration,
	    aborted ? "aborted" : "replaced");
	if (aborted) {
		worker->choked = true;
		supervise_event(worker, WORKER_HUNG);
		return;
	}
	recycle_want(worker);
	recycle_step(worker->pool);
}

static void
judge_refusals(struct worker *worker, uint64_t now)
{
	struct watch *watch = &worker->watch;

	if (watch->refuses && now >= watch->refusal_ns) {
		log_warn("worker %u (pid %d) refuses connections for want of "
			 "descriptors or memory: a module may keep too many",
		    (unsigned)worker->number, (int)worker->pid);
		watch->refusal_ns = now + WATCH_REFUSAL_MS * CLOCK_NS_PER_MS;
	}
	watch->refuses = false;
	end_refusing(worker);
}

static void
judge(struct worker *worker)
{
	const struct config_pool *config = worker->pool->config;
	struct watch *watch = &worker->watch;

	/* A hand-over may have seen it stall before we saw it at all. */
	if (watch->warn_ns == 0)
		watch->warn_ns = config->hang_warn_ms * CLOCK_NS_PER_MS;
	if (watch_late(watch) >= config->hang_limit_ms * CLOCK_NS_PER_MS) {
		give_up(worker);
	} else if (!worker->stalled) {
		if (watch->warned)
			log_info("worker %u (pid %d) goes on",
			    (unsigned)worker->number, (int)worker->pid);
		watch->warned = false;
		watch->warn_ns = config->hang_warn_ms * CLOCK_NS_PER_MS;
	} else if (watch_late(watch) >= watch->warn_ns) {
		warn(worker);
	}
}

void
watch_refresh(struct master *master)
{
	uint64_t now = clock_now();

	struct pool *pool;

	TAILQ_FOREACH(pool, &master->pools, link)
	{
		for (uint32_t i = 0; i < pool->worker_count; i++)
			if (is_watched(&pool->workers[i]))
				(void)look(&pool->workers[i], now);
	}
}

static uint64_t
interval(const struct master *master, bool awake)
{
	uint64_t ms = WATCH_AWAKE_MS;
	const struct pool *pool;

	if (!awake)
		return (WATCH_ASLEEP_MS);
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		if (pool->config->hang_warn_ms / 2 < ms)
			ms = pool->config->hang_warn_ms / 2;
	}
	return (ms);
}

/* Returns whether any of its workers is awake. */
static bool
watch_pool(struct pool *pool, uint64_t now)
{
	struct worker *worker;
	bool awake = false;

	for (uint32_t i = 0; i < pool->worker_count; i++) {
		worker = &pool->workers[i];
		if (!is_watched(worker))
			continue;
		look_whether_stopped(worker, now);
		if (look(worker, now))
			awake = true;
		else
			ask(worker);
		judge(worker);
		judge_refusals(worker, now);
	}
	return (awake);
}

static void
due(struct loop_timer *timer)
{
	struct master *master = timer->owner;
	uint64_t now = clock_now();
	struct pool *pool;
	bool awake = false;

	oom_look_again(&master->oom, now);
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		awake = watch_pool(pool, now) || awake;
	}
	loop_timer_set(
	    &master->loop, &master->watch_timer, interval(master, awake));
}

void
watch_init(struct master *master)
{
	master->watch_timer.owner = master;
	master->watch_timer.handle = due;
}

void
watch_start(struct master *master)
{
	if (!master->watch_timer.armed)
		loop_timer_set(
		    &master->loop, &master->watch_timer, WATCH_AWAKE_MS);
}
