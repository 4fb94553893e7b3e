/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following the operator's commands. Runs in the master.
 */
#include "master/command.h"

#include "master/access_log.h"
#include "master/channel.h"
#include "master/master.h"
#include "master/recycle.h"
#include "shm/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(struct message_answer *answer, int status, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static void
say(struct message_answer *answer, int status, const char *format, ...)
{
	va_list arguments;

	answer->status = status;
	va_start(arguments, format);
	(void)vsnprintf(answer->text, sizeof(answer->text), format, arguments);
	va_end(arguments);
}

/* In each pool that has a module of that name. */
static void
set_quarantine(struct master *master, const char *name, bool on,
    struct message_answer *answer)
{
	struct generation *generation = master->generation;
	struct pool *pool;
	bool found = false, changed = false;
	uint32_t id;

	for (uint32_t i = 0; i < generation->pool_count; i++) {
		pool = &generation->pools[i];
		if (!pool_find_module(pool, name, &id))
			continue;
		found = true;
		if (on ? quarantine_impose(pool, id)
		       : quarantine_lift(pool, id, "the operator wants it"))
			changed = true;
	}
	if (!found)
		say(answer, -ENOENT, "there is no module '%s'", name);
	else if (changed)
		say(answer, 0,
		    on ? "module %s is under quarantine"
		       : "module %s is released",
		    name);
	else
		say(answer, -EALREADY,
		    on ? "module %s is under quarantine already"
		       : "module %s is not under quarantine",
		    name);
}

/* How many of the pool's workers it is about. */
static unsigned
recycle_pool(struct pool *pool, uint32_t number)
{
	struct worker *worker;
	unsigned count = 0;

	for (uint32_t i = 0; i < pool->worker_count; i++) {
		worker = &pool->workers[i];
		if ((number != 0 && worker->number != number) ||
		    worker->state != WORKER_SERVING)
			continue;
		recycle_want(worker);
		count++;
	}
	if (count > 0)
		recycle_step(pool);
	return (count);
}

static void
recycle(struct master *master, uint32_t number, struct message_answer *answer)
{
	struct generation *generation = master->generation;
	unsigned count = 0;

	for (uint32_t i = 0; i < generation->pool_count; i++)
		count += recycle_pool(&generation->pools[i], number);
	if (count == 0) {
		say(answer, -ENOENT, "there is no such worker that serves");
		return;
	}
	say(answer, 0, "%u worker%s will be replaced", count,
	    count == 1 ? "" : "s");
}

static void
reopen(struct master *master, struct message_answer *answer)
{
	unsigned failed, opened = access_logs_reopen(master, &failed);

	if (failed > 0)
		say(answer, -EIO,
		    "%u access logs can't be opened and stay as they are; the "
		    "log says why",
		    failed);
	else if (opened == 0)
		say(answer, -ENOENT, "there is no access log");
	else
		say(answer, 0, "%u access log%s opened anew", opened,
		    opened == 1 ? "" : "s");
}

void
command_log_level(struct master *master, int level)
{
	struct pool *pool;
	struct worker *worker;

	master->log_level = level;
	log_set_level(level);
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		for (uint32_t i = 0; i < pool->worker_count; i++) {
			worker = &pool->workers[i];
			/* Who has no process yet is told when it starts. */
			if (worker->state == WORKER_BOOTING)
				worker->owed |= CHANNEL_LOG_LEVEL;
			else if (worker->socket != -1)
				channel_owe(worker, CHANNEL_LOG_LEVEL);
		}
	}
}

static void
set_log_level(
    struct master *master, uint32_t level, struct message_answer *answer)
{
	if (level == COMMAND_AS_CONFIGURED)
		level = (uint32_t)master->config->log_level;
	if (level < LOG_ERR || level > LOG_DEBUG) {
		say(answer, -EINVAL, "there is no such log level");
		return;
	}
	command_log_level(master, (int)level);
	say(answer, 0, "the master and its workers log from level %u on",
	    level);
}

static void
drain(struct master *master, uint32_t wait_ms, struct message_answer *answer)
{
	uint64_t ms = wait_ms;

	if (wait_ms == COMMAND_AS_CONFIGURED)
		ms = master->config->drain_wait_ms;
	leave_begin(&master->leave, ms);
	say(answer, 0, "not ready any more; the server stops in %g s",
	    (double)ms / 1000);
}

void
command_run(struct master *master, const struct message_command *command,
    struct message_answer *ret_answer)
{
	char name[SEGMENT_MODULE_NAME];

	memset(ret_answer, 0, sizeof(*ret_answer));
	memcpy(name, command->module, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	if (master->phase != MASTER_SERVING) {
		say(ret_answer, -EAGAIN, "the server isn't serving");
		return;
	}
	switch (command->what) {
	case COMMAND_RELEASE:
		set_quarantine(master, name, false, ret_answer);
		break;
	case COMMAND_QUARANTINE:
		set_quarantine(master, name, true, ret_answer);
		break;
	case COMMAND_RECYCLE:
		recycle(master, command->worker, ret_answer);
		break;
	case COMMAND_REOPEN:
		reopen(master, ret_answer);
		break;
	case COMMAND_LOG_LEVEL:
		set_log_level(master, command->number, ret_answer);
		break;
	case COMMAND_DRAIN:
		drain(master, command->number, ret_answer);
		break;
	default:
		say(ret_answer, -ENOTSUP, "no such command");
		break;
	}
}
