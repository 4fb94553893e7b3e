/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling how a worker ended. Runs in the master, after the kernel has told
 * its death and before its segment is let go.
 */
#include "master/obituary.h"

#include "master/culprit.h"
#include "master/master.h"
#include "shm/activity.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
	NUMBER_TEXT = 32,
};

/* Of a worker's death; journalctl --catalog and filters know it by this. */
static const char message_id[] = "5c6ff9f5a3f94ee0a0a3e9b7e2d1c84b";

void
obituary_tell_end(
    const siginfo_t *end, enum cause cause, char text[static OBITUARY_HOW])
{
	const char *name;

	switch (end->si_code) {
	case CLD_EXITED:
		(void)snprintf(text, OBITUARY_HOW, "exited with status %d",
		    end->si_status);
		break;
	case CLD_KILLED:
	case CLD_DUMPED:
		name = sigabbrev_np(end->si_status);
		if (name == NULL)
			(void)snprintf(text, OBITUARY_HOW,
			    "killed by signal %d", end->si_status);
		else
			(void)snprintf(
			    text, OBITUARY_HOW, "killed by SIG%s", name);
		if (end->si_code == CLD_DUMPED)
			(void)strlcat(text, " (core dumped)", OBITUARY_HOW);
		(void)strlcat(text, cause_describe(cause), OBITUARY_HOW);
		break;
	default:
		(void)strlcpy(text, "ended", OBITUARY_HOW);
		break;
	}
}

/*
 * While the server ends, or it was retired, a worker ends by our SIGKILL or in
 * order: it has closed or given back every connection before, and said so. An
 * operator, the kernel and a module that calls exit(3) don't wait for that.
 */
static bool
is_expected(const struct worker *worker, const siginfo_t *end)
{
	if (worker->hung ||
	    (worker->master->phase < MASTER_STOPPING && !worker->retired))
		return (false);
	if (end->si_code == CLD_KILLED && end->si_status == SIGKILL)
		return (worker->killed);
	return (end->si_code == CLD_EXITED && end->si_status == 0 &&
		TAILQ_EMPTY(&worker->owner.list));
}

void
obituary_write(const struct worker *worker, const siginfo_t *end,
    enum cause cause, struct obituary *ret_obituary)
{
	char how[OBITUARY_HOW], who[CULPRIT_TEXT];
	struct culprit culprit;

	ret_obituary->unexpected = !is_expected(worker, end);
	ret_obituary->refused = worker->failure.text[0] != '\0' &&
				worker->ready_ns == 0 &&
				end->si_code == CLD_EXITED;
	/* It, or we, knew better than the kernel what is wrong with it. */
	if (worker->failure.text[0] != '\0') {
		(void)strlcpy(ret_obituary->text, worker->failure.text,
		    sizeof(ret_obituary->text));
		return;
	}
	ret_obituary->text[0] = '\0';
	if (!ret_obituary->unexpected)
		return;
	obituary_tell_end(end, cause, how);
	who[0] = '\0';
	if (culprit_find_dead(worker, &culprit))
		culprit_describe(&culprit, who, sizeof(who));
	(void)snprintf(ret_obituary->text, sizeof(ret_obituary->text),
	    "worker %u (pid %d) %s%s", (unsigned)worker->number,
	    (int)worker->pid, how, who);
}

/* An empty text is no field. */
static const char *
or_none(const char *text)
{
	return (*text == '\0' ? NULL : text);
}

static const char *
format_number(char *text, uint64_t number)
{
	(void)snprintf(text, NUMBER_TEXT, "%" PRIu64, number);
	return (text);
}

void
obituary_publish(const struct obituary *obituary, const struct crash *crash)
{
	char request[48], worker[NUMBER_TEXT], pid[NUMBER_TEXT];
	char signal[NUMBER_TEXT], status[NUMBER_TEXT];
	const char *name = sigabbrev_np(crash->signal);
	const struct culprit *culprit = &crash->culprit;
	const bool in_request = crash->known && culprit->request != 0;
	const struct log_field fields[] = {
		{ "MESSAGE_ID", message_id },
		{ "CRASH_ID", or_none(crash->id) },
		{ "WORKER", format_number(worker, crash->worker) },
		{ "WORKER_PID", format_number(pid, (uint64_t)crash->pid) },
		{ "SIGNAL", crash->signal != 0 ? signal : NULL },
		{ "EXIT_STATUS",
		    crash->signal == 0
			? format_number(status, (uint64_t)crash->status)
			: NULL },
		{ "CAUSE", cause_name(crash->cause) },
		{ "MODULE", crash->known ? or_none(culprit->name) : NULL },
		{ "MODULE_FILE", or_none(crash->file) },
		{ "BUILD_ID", or_none(crash->build_id) },
		{ "NOTIFICATION",
		    crash->known ? or_none(culprit->step_name) : NULL },
		{ "REQUEST_ID", in_request ? request : NULL },
		{ "METHOD", or_none(crash->method) },
		{ "TARGET", or_none(crash->target) },
		{ "CLIENT", or_none(crash->client) },
	};

	(void)snprintf(signal, sizeof(signal), "SIG%s", name ? name : "?");
	(void)snprintf(request, sizeof(request), "%" PRIu64 "-%" PRIu64,
	    culprit->request >> REQUEST_COUNT_BITS,
	    culprit->request & UINT32_MAX);
	log_fields(LOG_ERR, fields, sizeof(fields) / sizeof(fields[0]), "%s",
	    obituary->text);
}
