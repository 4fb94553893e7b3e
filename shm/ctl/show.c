/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that show what the server is doing, once.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/command.h"
#include "shm/ctl/render.h"

#include <stdio.h>

/* Collect, and show it by ${render}. */
static int
show(const struct command_line *line,
    int (*render)(const struct collect_status *status, FILE *out))
{
	struct collect_status status;
	char error[COMMAND_ERROR_SIZE];
	int written;

	if (collect_status(line->control, &status, error, sizeof(error)) != 0)
		return (command_complain(error));
	written = render(&status, stdout);
	collect_free(&status);
	return (command_written(written));
}

int
command_status(const struct command_line *line)
{
	return (show(line, line->json ? render_json : render_text));
}

int
command_stats(const struct command_line *line)
{
	if (line->prometheus)
		return (show(line, render_prometheus));
	return (show(line, line->json ? render_stats_json : render_stats_text));
}
