/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling how a worker ended. Runs in the master, after the kernel has told
 * its death and before its segment is let go.
 */
#include "master/obituary.h"

#include "master/culprit.h"
#include "master/master.h"

#include <bsd/string.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum {
	PART_TEXT = 256
};

static void
tell_end(const siginfo_t *end, char *text)
{
	const char *name;

	switch (end->si_code) {
	case CLD_EXITED:
		(void)snprintf(
		    text, PART_TEXT, "exited with status %d", end->si_status);
		break;
	case CLD_KILLED:
	case CLD_DUMPED:
		name = sigabbrev_np(end->si_status);
		if (name == NULL)
			(void)snprintf(text, PART_TEXT, "killed by signal %d",
			    end->si_status);
		else
			(void)snprintf(
			    text, PART_TEXT, "killed by SIG%s", name);
		if (end->si_code == CLD_DUMPED)
			(void)strlcat(text, " (core dumped)", PART_TEXT);
		break;
	default:
		(void)strlcpy(text, "ended", PART_TEXT);
		break;
	}
}

/*
 * While the server ends, or it was retired, a worker ends in order or by our
 * SIGKILL.
 */
static bool
is_expected(const struct worker *worker, const siginfo_t *end)
{
	if (worker->hung ||
	    (worker->master->phase < MASTER_STOPPING && !worker->retired))
		return (false);
	return ((end->si_code == CLD_EXITED && end->si_status == 0) ||
		(end->si_code == CLD_KILLED && end->si_status == SIGKILL));
}

void
obituary_write(const struct worker *worker, const siginfo_t *end,
    struct obituary *ret_obituary)
{
	char how[PART_TEXT], who[CULPRIT_TEXT];
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
	tell_end(end, how);
	who[0] = '\0';
	if (culprit_find(&worker->view, 0, &culprit))
		culprit_describe(&culprit, who, sizeof(who));
	(void)snprintf(ret_obituary->text, sizeof(ret_obituary->text),
	    "worker %u (pid %d) %s%s", (unsigned)worker->number,
	    (int)worker->pid, how, who);
}
