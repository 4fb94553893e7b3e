/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports that wait for their last word. Runs in the master.
 */
#include "master/report.h"

#include "master/crash_file.h"
#include "master/master.h"
#include "shm/base/log.h"

#include <stdlib.h>
#include <string.h>

static void
write_file(struct master *master, const struct crash *crash)
{
	const struct config *config = master->config;
	int error;

	if (config->state_dir == NULL || *config->state_dir == '\0' ||
	    config->check)
		return;
	error = crash_file_write(
	    crash, config->state_dir, (size_t)config->crash_files);
	if (error != 0 && !master->reports_fail)
		log_warn("can't write a crash report into %s/crashes: %s; set "
			 "-o state-dir=",
		    config->state_dir, strerror(-error));
	master->reports_fail = error != 0;
}

static void
complete(struct report *report)
{
	if (report->wreck != NULL)
		report->crash.fates.waiting =
		    (uint32_t)report->wreck->connections;
	write_file(report->master, &report->crash);
	report_drop(report);
}

static void
due(struct loop_timer *timer)
{
	complete(timer->owner);
}

struct report *
report_open(struct master *master)
{
	struct report *report;

	report = calloc(1, sizeof(*report));
	if (report == NULL) {
		log_warn("no memory for a crash report");
		return (NULL);
	}
	report->master = master;
	report->timer.owner = report;
	report->timer.handle = due;
	LIST_INSERT_HEAD(&master->reports, report, link);
	return (report);
}

void
report_wreck(struct report *report, struct wreck *wreck)
{
	report->wreck = wreck;
	wreck->report = report;
	wreck->fates = &report->crash.fates;
}

void
report_wreck_gone(struct report *report)
{
	report->wreck->report = NULL;
	report->wreck->fates = NULL;
	report->wreck = NULL;
	if (report->waiting)
		complete(report);
}

void
report_wait(struct report *report)
{
	if (report->wreck == NULL) {
		complete(report);
		return;
	}
	report->waiting = true;
	loop_timer_set(&report->master->loop, &report->timer, REPORT_WAIT_MS);
}

void
report_drop(struct report *report)
{
	report->waiting = false;
	if (report->wreck != NULL)
		report_wreck_gone(report);
	loop_timer_clear(&report->master->loop, &report->timer);
	LIST_REMOVE(report, link);
	free(report);
}

void
reports_fini(struct master *master)
{
	struct report *report;

	while ((report = LIST_FIRST(&master->reports)) != NULL)
		if (report->waiting)
			complete(report);
		else
			report_drop(report);
}
