/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that the master follows for its operator.
 */
#include "shm/ctl/build.h"
#include "shm/ctl/collect.h"
#include "shm/ctl/command.h"

#include "shm/base/clock.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

enum {
	DRAIN_MAX_MS = 24 * 3600 * 1000
};

/* For programs: the master's words either way. */
static int
print_json(const struct message_answer *answer)
{
	struct builder b = { .failed = false };
	json_t *o = json_object();
	int status;

	build_put(&b, o, "done", json_boolean(answer->status == 0));
	build_put_number(&b, o, "errno", (uint64_t) - (int64_t)answer->status);
	build_put_text(&b, o, "text", answer->text);
	status = command_written(build_write(&b, o, JSON_INDENT(2), stdout));
	return (
	    status == EXIT_OK && answer->status != 0 ? EXIT_SERVER : status);
}

static int
send_command(
    const struct command_line *line, const struct message_command *command)
{
	struct message_answer answer;
	char error[COMMAND_ERROR_SIZE];

	if (collect_command(
		line->control, command, &answer, error, sizeof(error)) != 0)
		return (command_complain(error));
	if (line->json)
		return (print_json(&answer));
	if (answer.status != 0)
		return (command_complain(answer.text));
	(void)puts(answer.text);
	return (EXIT_OK);
}

static int
name_module(const struct command_line *line, enum command_what what)
{
	struct message_command command = { .what = (uint32_t)what };

	if (strlcpy(command.module, line->argument, sizeof(command.module)) >=
	    sizeof(command.module))
		return (command_complain("no module has so long a name"));
	return (send_command(line, &command));
}

int
command_quarantine(const struct command_line *line)
{
	return (name_module(line, COMMAND_QUARANTINE));
}

int
command_release(const struct command_line *line)
{
	return (name_module(line, COMMAND_RELEASE));
}

int
command_reload(const struct command_line *line)
{
	const struct message_command command = { .what = COMMAND_RELOAD };

	return (send_command(line, &command));
}

static const struct {
	const char *name;
	uint32_t level;
} levels[] = {
	{ "configured", COMMAND_AS_CONFIGURED },
	{ "error", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
};

int
command_log_level(const struct command_line *line)
{
	struct message_command command = { .what = COMMAND_LOG_LEVEL };
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(line->argument, levels[i].name) == 0) {
			command.number = levels[i].level;
			return (send_command(line, &command));
		}
	return (command_misuse("log-level takes error, warning, notice, info, "
			       "debug, or configured: the configuration's"));
}

int
command_drain(const struct command_line *line)
{
	struct message_command command = {
		.what = COMMAND_DRAIN,
		.number = COMMAND_AS_CONFIGURED,
	};
	uint64_t ns;

	if (line->argument != NULL) {
		if (!command_line_time(line->argument, &ns) ||
		    ns / CLOCK_NS_PER_MS > DRAIN_MAX_MS)
			return (command_misuse("drain takes a time up to a "
					       "day, such as 30s or 0"));
		command.number = (uint32_t)(ns / CLOCK_NS_PER_MS);
	}
	return (send_command(line, &command));
}

int
command_upgrade(const struct command_line *line)
{
	const struct message_command command = { .what = COMMAND_UPGRADE };

	return (send_command(line, &command));
}

int
command_reopen(const struct command_line *line)
{
	const struct message_command command = { .what = COMMAND_REOPEN };

	return (send_command(line, &command));
}

int
command_recycle(const struct command_line *line)
{
	struct message_command command = { .what = COMMAND_RECYCLE };
	const char *error = NULL;

	if (line->argument != NULL)
		command.worker =
		    (uint32_t)strtonum(line->argument, 1, UINT32_MAX, &error);
	if (error != NULL)
		return (command_complain("recycle takes a worker's number"));
	return (send_command(line, &command));
}
