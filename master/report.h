/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A crash report between the death and the file: it is written when what
 * became of the last connection is known, or after REPORT_WAIT_MS with what
 * is known by then.
 *
 *	          report_open        each connection's fate
 *	  death --------------> OPEN ----------------------> written, gone
 *	                              the last, or the bound
 */
#ifndef MASTER_REPORT_H
#define MASTER_REPORT_H

#include "master/crash.h"
#include "master/loop.h"

#include <sys/queue.h>

enum {
	REPORT_WAIT_MS = 5000
};

struct master;

struct report {
	LIST_ENTRY(report) link;
	struct master *master;
	struct wreck *wreck; /* whose connections it is about, or NULL */
	struct loop_timer timer;
	bool waiting; /* to be written as soon as the wreck is gone */
	struct crash crash;
};

/*
 * report_open(master): an empty one, or NULL when memory is short.
 * report_wreck(report, wreck): what becomes of ${wreck}'s connections is told
 * to it from now on. report_wreck_gone(report): all has been told.
 */
struct report *report_open(struct master *master);
void report_wreck(struct report *report, struct wreck *wreck);
void report_wreck_gone(struct report *report);

/*
 * report_wait(report): write it and let go of it, when its wreck is gone or
 * REPORT_WAIT_MS have passed; at once if it has none.
 * report_drop(report): let go of it, there is nothing to report.
 */
void report_wait(struct report *report);
void report_drop(struct report *report);

/* reports_fini(master): write all that wait, let go of all. */
void reports_fini(struct master *master);

#endif
