/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl status, for people: the master, a line a worker with what it is
 * doing, then the sums over the living workers.
 */
#include "shm/ctl/render.h"

#include "shm/ctl/format.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
print_listeners(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n' && text[1] == '\0')
			break;
		if (*text == '\n')
			(void)fputs(", ", out);
		else
			(void)fputc(
			    isprint((unsigned char)*text) ? *text : '?', out);
	}
}

static void
print_master(FILE *out, const struct message_status_master *m)
{
	char age[32];

	format_age(m->started_ns, m->now_ns, age, sizeof(age));
	(void)fprintf(out, "master      pid %" PRIu64 ", version ", m->pid);
	format_print(out, m->version, 0);
	(void)fprintf(out, ", up %s, listening on ", age);
	print_listeners(out, m->listeners);
	(void)fprintf(out,
	    "\nphase       %s, generation %" PRIu32 ", %" PRIu32 " pool%s"
	    "\nconnections %" PRIu64 " open, %" PRIu64 " at most, %" PRIu64
	    " accepted, %" PRIu64 " waiting for a worker\n"
	    "workers     %" PRIu64 ", %" PRIu64 " started, %" PRIu64 " died\n",
	    m->phase, m->generation, m->pools, m->pools == 1 ? "" : "s",
	    m->connections_open, m->connections_max, m->accepted,
	    m->handover_queue, m->workers, m->workers_started, m->workers_died);
}

int
render_text(const struct collect_status *status, FILE *out)
{
	struct table modules, workers;
	bool failed;

	errno = 0;
	print_master(out, &status->master);
	(void)fputc('\n', out);
	view_workers(&workers, status, NULL);
	table_print(&workers, out);
	(void)fputc('\n', out);
	render_figures_text(&status->totals, out);
	(void)fputc('\n', out);
	view_modules(&modules, status, NULL);
	table_print(&modules, out);
	failed = workers.failed || modules.failed;
	table_free(&workers);
	table_free(&modules);
	if (failed)
		return (-ENOMEM);
	if (fflush(out) == EOF || ferror(out))
		return (errno != 0 ? -errno : -EIO);
	return (0);
}
