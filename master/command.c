/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following the operator's commands. Runs in the master.
 */
#include "master/command.h"

#include "master/master.h"
#include "master/recycle.h"

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

static bool
find_module(const struct master *master, const char *name, uint32_t *ret_id)
{
	for (uint32_t i = 0; i < master->config->pools[0]->module_count; i++)
		if (strcmp(master->config->pools[0]->modules[i].name, name) ==
		    0) {
			*ret_id = i;
			return (true);
		}
	return (false);
}

static void
set_quarantine(struct master *master, const char *name, bool on,
    struct message_answer *answer)
{
	uint32_t id;

	if (!find_module(master, name, &id))
		say(answer, -ENOENT, "there is no module '%s'", name);
	else if (on && quarantine_impose(master, id))
		say(answer, 0, "module %s is under quarantine", name);
	else if (!on && quarantine_lift(master, id, "the operator wants it"))
		say(answer, 0, "module %s is released", name);
	else
		say(answer, -EALREADY,
		    on ? "module %s is under quarantine already"
		       : "module %s is not under quarantine",
		    name);
}

static void
recycle(struct master *master, uint32_t number, struct message_answer *answer)
{
	struct worker *worker;
	unsigned count = 0;

	for (uint32_t i = 0; i < master->worker_count; i++) {
		worker = &master->workers[i];
		if ((number != 0 && worker->number != number) ||
		    worker->state != WORKER_SERVING)
			continue;
		recycle_want(worker);
		count++;
	}
	if (count == 0) {
		say(answer, -ENOENT, "there is no such worker that serves");
		return;
	}
	say(answer, 0, "%u worker%s will be replaced", count,
	    count == 1 ? "" : "s");
	recycle_step(master);
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
	default:
		say(ret_answer, -ENOTSUP, "no such command");
		break;
	}
}
