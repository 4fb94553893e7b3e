/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that show what the server is doing, once.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/command.h"
#include "shm/ctl/render.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

/* Collect, and show it by ${render}. */
static int
show(const struct command_line *line,
    int (*render)(const struct collect_status *status, FILE *out))
{
	struct collect_status status;
	char error[COMMAND_ERROR_SIZE];
	int written;

	if (collect_status(line->control, 0, &status, error, sizeof(error)) !=
	    0)
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

/* A table, sorted as it is. */
static int
print_view(const struct collect_status *status,
    void (*view)(struct table *table, const struct collect_status *now,
	const struct collect_status *before))
{
	struct table table;
	int error = 0;

	errno = 0;
	view(&table, status, NULL);
	table_print(&table, stdout);
	if (table.failed)
		error = -ENOMEM;
	else if (fflush(stdout) == EOF || ferror(stdout))
		error = errno != 0 ? -errno : -EIO;
	table_free(&table);
	return (error);
}

static int
render_workers_text(const struct collect_status *status, FILE *out)
{
	(void)out;
	return (print_view(status, view_workers));
}

static int
render_modules_text(const struct collect_status *status, FILE *out)
{
	(void)out;
	return (print_view(status, view_modules));
}

int
command_workers(const struct command_line *line)
{
	return (
	    show(line, line->json ? render_workers_json : render_workers_text));
}

int
command_modules(const struct command_line *line)
{
	return (
	    show(line, line->json ? render_modules_json : render_modules_text));
}

/* Is there such a worker? Else an empty list would be a riddle. */
static bool
has_worker(const struct collect_status *status, uint32_t worker)
{
	size_t i;

	for (i = 0; i < status->worker_count; i++)
		if (status->workers[i].info.worker == worker)
			return (true);
	return (worker == 0);
}

int
command_completions(const struct command_line *line)
{
	struct collect_status status;
	char error[COMMAND_ERROR_SIZE];
	const char *wrong = NULL;
	uint32_t worker = 0;
	int written;

	if (line->argument != NULL)
		worker =
		    (uint32_t)strtonum(line->argument, 1, UINT32_MAX, &wrong);
	if (wrong != NULL)
		return (command_misuse("completions takes a worker's number"));
	if (collect_status(line->control, COLLECT_RECORDER, &status, error,
		sizeof(error)) != 0)
		return (command_complain(error));
	if (!has_worker(&status, worker)) {
		collect_free(&status);
		return (command_complain("there is no such worker"));
	}
	written =
	    (line->json ? render_completions_json : render_completions_text)(
		&status, worker, line->count, stdout);
	collect_free(&status);
	return (command_written(written));
}
