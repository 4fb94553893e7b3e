/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl top: the server on the whole screen, or printed once.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/command.h"
#include "shm/ctl/summary.h"
#include "shm/ctl/top_screen.h"
#include "shm/ctl/views.h"

#include "shm/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ONCE_MS = 250, /* between the two looks of --once */
	TOP_MS = 1000,
	STEP_MS = 500, /* of the keys that change it */
};

/* The last look, and the one before it. */
struct looks {
	const char *control;
	struct collect_status now;
	struct collect_status before;
	unsigned count; /* 0, 1, 2 */
	char error[COMMAND_ERROR_SIZE];
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* The next look; after a failure the last ones stay. */
static int
look(struct looks *looks)
{
	struct collect_status status;
	int error;

	error = collect_status(looks->control, COLLECT_REQUESTS, &status,
	    looks->error, sizeof(looks->error));
	if (error != 0)
		return (error);
	looks->error[0] = '\0';
	if (looks->count == 2)
		collect_free(&looks->before);
	if (looks->count >= 1)
		looks->before = looks->now;
	looks->now = status;
	if (looks->count < 2)
		looks->count++;
	return (0);
}

static const struct collect_status *
before(const struct looks *looks)
{
	return (looks->count == 2 ? &looks->before : NULL);
}

static void
forget(struct looks *looks)
{
	if (looks->count >= 1)
		collect_free(&looks->now);
	if (looks->count == 2)
		collect_free(&looks->before);
	looks->count = 0;
}

void
top_make_view(enum top_view view, struct table *table,
    const struct collect_status *now, const struct collect_status *then)
{
	const struct view_filter all = { .worker = 0 };

	if (view == TOP_WORKERS)
		view_workers(table, now, then);
	else if (view == TOP_MODULES)
		view_modules(table, now, then);
	else
		view_requests(table, now, &all);
}

/* --- Once -------------------------------------------------------------- */

static int
print_once(struct looks *looks)
{
	char lines[SUMMARY_LINES][SUMMARY_WIDTH];
	struct table table;
	bool failed = false;
	int i, view;

	errno = 0;
	summary_make(&looks->now, before(looks), lines);
	for (i = 0; i < SUMMARY_LINES; i++)
		(void)puts(lines[i]);
	for (view = 0; view < TOP_VIEWS; view++) {
		top_make_view(
		    (enum top_view)view, &table, &looks->now, before(looks));
		table_sort(&table, top_sort_column((enum top_view)view));
		(void)putchar('\n');
		table_print(&table, stdout);
		failed = failed || table.failed;
		table_free(&table);
	}
	if (failed)
		return (-ENOMEM);
	if (fflush(stdout) == EOF || ferror(stdout))
		return (errno != 0 ? -errno : -EIO);
	return (0);
}

static void
pause_ms(uint64_t ms)
{
	const struct timespec pause = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * (long)CLOCK_NS_PER_MS,
	};

	(void)nanosleep(&pause, NULL);
}

static int
top_once(const struct command_line *line, struct looks *looks)
{
	int error = look(looks);

	if (error == 0) {
		pause_ms(line->interval_ms != 0 ? line->interval_ms : ONCE_MS);
		error = look(looks);
	}
	if (error != 0)
		return (command_complain(looks->error));
	return (command_written(print_once(looks)));
}

/* --- On the whole screen ----------------------------------------------- */

static void
change_interval(struct top_screen *screen, int by)
{
	if (by > 0)
		screen->interval_ms += STEP_MS;
	else if (screen->interval_ms > STEP_MS)
		screen->interval_ms -= STEP_MS;
}

/* Draw what there is, and take keys until it is time for the next look. */
static bool
show_until_due(struct top_screen *screen, const struct looks *looks)
{
	uint64_t due = clock_now() + screen->interval_ms * CLOCK_NS_PER_MS;
	uint64_t now;
	enum top_wish wish;

	for (;;) {
		top_screen_draw(screen, looks->count > 0 ? &looks->now : NULL,
		    before(looks), looks->error);
		now = clock_now();
		if (interrupted || (now >= due && !screen->paused))
			return (!interrupted);
		wish = top_screen_key(
		    screen, screen->paused ? STEP_MS
					   : (due - now) / CLOCK_NS_PER_MS + 1);
		if (wish == TOP_QUIT)
			return (false);
		if (wish == TOP_LOOK)
			return (true);
		if (wish == TOP_SLOWER || wish == TOP_FASTER)
			change_interval(screen, wish == TOP_SLOWER ? 1 : -1);
	}
}

static int
top_live(const struct command_line *line, struct looks *looks)
{
	struct top_screen screen;
	struct sigaction action = { .sa_handler = on_signal };

	/* Before the screen is ours: a server that isn't there is an error. */
	if (look(looks) != 0)
		return (command_complain(looks->error));
	if (!top_screen_open(
		&screen, line->interval_ms != 0 ? line->interval_ms : TOP_MS))
		return (command_complain("this terminal (TERM) can't show a "
					 "whole screen; try top --once"));
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	while (show_until_due(&screen, looks))
		(void)look(looks); /* what went wrong is drawn */
	top_screen_close(&screen);
	return (EXIT_OK);
}

int
command_top(const struct command_line *line)
{
	struct looks looks = { .control = line->control };
	int status;

	if (line->once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		status = top_once(line, &looks);
	else
		status = top_live(line, &looks);
	forget(&looks);
	return (status);
}
