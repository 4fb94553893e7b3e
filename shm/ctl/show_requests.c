/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl requests: what the workers are doing for whom, once or again and
 * again.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/command.h"
#include "shm/ctl/render.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int
print_table(
    const struct collect_status *status, const struct view_filter *filter)
{
	struct table table;
	int error = 0;

	errno = 0;
	view_requests(&table, status, filter);
	table_sort(&table, VIEW_REQUESTS_SORT);
	table_print(&table, stdout);
	if (table.failed)
		error = -ENOMEM;
	else if (fflush(stdout) == EOF || ferror(stdout))
		error = errno != 0 ? -errno : -EIO;
	table_free(&table);
	return (error);
}

/* On a terminal the table stays in its place. */
static void
begin_again(void)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;

	if (isatty(STDOUT_FILENO))
		(void)fputs("\033[H\033[2J", stdout);
	if (localtime_r(&now, &tm) != NULL &&
	    strftime(text, sizeof(text), "%F %T", &tm) > 0)
		(void)printf("%s\n", text);
}

static int
look(const struct command_line *line)
{
	struct collect_status status;
	char error[COMMAND_ERROR_SIZE];
	int written;

	if (collect_status(line->control, COLLECT_REQUESTS, &status, error,
		sizeof(error)) != 0)
		return (command_complain(error));
	if (line->json) {
		/* A line a look: what programs can follow. */
		written = render_requests_json(&status, &line->filter,
		    line->follow ? JSON_COMPACT : JSON_INDENT(2), stdout);
	} else {
		if (line->follow)
			begin_again();
		written = print_table(&status, &line->filter);
	}
	collect_free(&status);
	return (command_written(written));
}

int
command_requests(const struct command_line *line)
{
	const uint64_t ms = line->interval_ms != 0 ? line->interval_ms : 1000;
	const struct timespec pause = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};
	int status;

	while ((status = look(line)) == EXIT_OK && line->follow)
		(void)nanosleep(&pause, NULL);
	return (status);
}
