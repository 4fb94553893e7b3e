/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling who ended a worker. Runs in the master.
 */
#include "master/cause.h"

#include "master/master.h"
#include "master/peek.h"
#include "shm/base/clock.h"

static const struct {
	const char *name, *text;
} causes[CAUSES] = {
	[CAUSE_OWN] = { "own", "" },
	[CAUSE_MASTER] = { "master", "" },
	[CAUSE_MEMORY] = { "memory", " for want of memory" },
	[CAUSE_OUTSIDE] = { "outside", " from outside" },
};

const char *
cause_name(enum cause cause)
{
	return (causes[cause].name);
}

const char *
cause_describe(enum cause cause)
{
	return (causes[cause].text);
}

/*
 * Signals that an operator sends, and no fault, limit or timer; unless the
 * worker says that it was itself.
 */
static bool
is_operators(int number)
{
	switch (number) {
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGKILL:
	case SIGTERM:
	case SIGUSR1:
	case SIGUSR2:
		return (true);
	default:
		return (false);
	}
}

enum cause
cause_find(const struct worker *worker, const siginfo_t *end)
{
	struct oom *oom = &worker->master->oom;
	const uint64_t now = clock_now();

	oom_look(oom, now);
	if (worker->hung || (worker->killed && end->si_status == SIGKILL))
		return (CAUSE_MASTER);
	if (peek_sent(&worker->view))
		return (CAUSE_OUTSIDE);
	if (end->si_code == CLD_EXITED || !is_operators(end->si_status) ||
	    peek_fatal(&worker->view) != -1)
		return (CAUSE_OWN);
	if (end->si_status == SIGKILL && oom_killed(oom, now))
		return (CAUSE_MEMORY);
	return (CAUSE_OUTSIDE);
}
