/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl status, for people: the master, a line a worker with what it is
 * doing, then the sums over the living workers.
 */
#include "shm/ctl/render.h"

#include "shm/activity.h"
#include "shm/base/clock.h"
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
	    "\nconnections %" PRIu64 " open, %" PRIu64 " at most, %" PRIu64
	    " accepted, %" PRIu64 " waiting for a worker\n"
	    "workers     %" PRIu64 ", %" PRIu64 " started, %" PRIu64 " died\n",
	    m->connections_open, m->connections_max, m->accepted,
	    m->handover_queue, m->workers, m->workers_started, m->workers_died);
}

/* "echo/begin_request 3-17 (12 ms)", for each thread that does something. */
static void
print_activities(
    FILE *out, const struct collect_worker *worker, uint64_t now_ns)
{
	const struct collect_activity *a;
	size_t i;

	if (worker->activity_count == 0)
		(void)fputc('-', out);
	for (i = 0; i < worker->activity_count; i++) {
		a = &worker->activities[i];
		if (i > 0)
			(void)fputs(", ", out);
		format_print(out, a->module, 0);
		(void)fputc('/', out);
		format_print(out, a->step, 0);
		if (a->request != 0)
			(void)fprintf(out, " %" PRIu64 "-%" PRIu64,
			    a->request >> REQUEST_COUNT_BITS,
			    a->request & UINT32_MAX);
		if (a->since_ns != 0 && now_ns > a->since_ns)
			(void)fprintf(out, " (%" PRIu64 " ms)",
			    (now_ns - a->since_ns) / CLOCK_NS_PER_MS);
	}
	(void)fputc('\n', out);
}

static void
print_worker(FILE *out, const struct collect_worker *worker, uint64_t now_ns)
{
	const struct message_status_worker *info = &worker->info;
	const uint64_t *stats = worker->figures.stats;
	char age[32];

	format_age(info->started_ns, now_ns, age, sizeof(age));
	(void)fprintf(
	    out, "%6" PRIu32 "  %7" PRIu64 "  ", info->worker, info->pid);
	format_print(out, info->state_name, 10);
	(void)fprintf(out, "  %11" PRIu32 "  %8s  %11" PRIu64,
	    info->incarnation, age, info->connections);
	if (worker->readable) {
		(void)fprintf(out,
		    "  %10" PRIu64 "  %6" PRIu64 "  %6" PRIu64 "  ",
		    stats[STAT_requests], stats[STAT_requests_active],
		    stats[STAT_requests_parked]);
		print_activities(out, worker, now_ns);
	} else {
		(void)fprintf(out, "  %10s  %6s  %6s  segment unreadable\n",
		    "?", "?", "?");
	}
}

static void
print_workers(FILE *out, const struct collect_status *status)
{
	size_t i;

	(void)fprintf(out,
	    "\n%6s  %7s  %-10s  %11s  %8s  %11s  %10s  %6s  %6s"
	    "  %s\n",
	    "worker", "pid", "state", "incarnation", "up", "connections",
	    "requests", "active", "parked", "doing");
	for (i = 0; i < status->worker_count; i++)
		print_worker(out, &status->workers[i], status->master.now_ns);
}

static const struct message_status_module *
find_module(const struct collect_status *status, const char *name)
{
	size_t i;

	for (i = 0; i < status->module_count; i++)
		if (strcmp(status->modules[i].name, name) == 0)
			return (&status->modules[i]);
	return (NULL);
}

/* "quarantined", and how often workers have crashed in it. */
static void
print_module_state(FILE *out, const struct message_status_module *module)
{
	if (module == NULL)
		(void)fprintf(out, "  %-11s  %7s", "?", "?");
	else
		(void)fprintf(out, "  %-11s  %7" PRIu64,
		    module->quarantined != 0 ? "quarantined" : "ok",
		    module->crashes);
}

static void
print_modules(FILE *out, const struct collect_status *status)
{
	const struct figures *totals = &status->totals;
	const struct figures_module *module;
	size_t i, k;

	(void)fprintf(out, "\n%-24s  %-11s  %7s", "module", "state", "crashes");
	for (k = 0; k < MODULE_STAT_histograms; k++)
		(void)fprintf(out, "  %12s", module_stat_info[k].name);
	(void)fputc('\n', out);
	for (i = 0; i < totals->module_count; i++) {
		module = &totals->modules[i];
		(void)fputs("  ", out);
		format_print(out, module->name, 22);
		print_module_state(out, find_module(status, module->name));
		for (k = 0; k < MODULE_STAT_histograms; k++)
			(void)fprintf(out, "  %12" PRIu64, module->stats[k]);
		(void)fputc('\n', out);
	}
}

int
render_text(const struct collect_status *status, FILE *out)
{
	errno = 0;
	print_master(out, &status->master);
	print_workers(out, status);
	(void)fputc('\n', out);
	render_figures_text(&status->totals, out);
	print_modules(out, status);
	if (fflush(out) == EOF || ferror(out))
		return (errno != 0 ? -errno : -EIO);
	return (0);
}
