/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A system call that the filter refuses: SIGSYS comes in its place, on the
 * thread that made it. The call fails, and one line says whose it was.
 */
#include "worker/sandbox.h"

#include "shm/activity.h"
#include "shm/base/log.h"
#include "worker/fatal.h"
#include "worker/module.h"
#include "worker/whose.h"
#include "worker/worker.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	CALLS = 512,  /* numbers that can have a name */
	TOLD_MAX = 8, /* lines for each of them */
	STEP_NAME = 48,
};

static struct {
	pid_t process;
	char *names[CALLS]; /* made beforehand: a handler allocates nothing */
	_Atomic unsigned told[CALLS];
	_Atomic uint64_t refusals;
} trap;

/* By the activity word; on a thread of a module's own by its stack. */
static const char *
whose(const ucontext_t *context, uint64_t *ret_request,
    char ret_step[static STEP_NAME])
{
	const struct bh_registration *module;
	uint64_t word = 0;
	uint32_t id, step;

	*ret_request = 0;
	*ret_step = '\0';
	/* A forked child has no segment to look into. */
	if (getpid() == trap.process && worker_thread_activity != NULL)
		word = atomic_load_explicit(
		    &worker_thread_activity->word, memory_order_relaxed);
	if (activity_unpack(word, &id, &step, ret_request) &&
	    id < worker_self->modules.count) {
		activity_step_name(step, ret_step, STEP_NAME);
		return (worker_self->modules.list[id].name);
	}
	module = whose_code(context);
	return (module != NULL ? module->name : NULL);
}

static void
tell(int number, const ucontext_t *context)
{
	unsigned told;
	const char *module;
	uint64_t request;
	char step[STEP_NAME], text[160];

	told = atomic_fetch_add_explicit(
	    &trap.told[number], 1, memory_order_relaxed);
	if (told >= TOLD_MAX)
		return;
	module = whose(context, &request, step);
	(void)snprintf(text, sizeof(text),
	    "system call %s is refused by the sandbox, see sandbox-syscalls%s",
	    trap.names[number],
	    told == TOLD_MAX - 1 ? " (further ones aren't told)" : "");
	log_module(
	    LOG_WARNING, module, request, *step != '\0' ? step : NULL, text);
}

/* Does it send SIGKILL to this process? */
static bool
is_own_kill(int number, const ucontext_t *context)
{
	unsigned which;

	switch (number) {
	case SYS_kill:
	case SYS_rt_sigqueueinfo:
		which = 1;
		break;
	case SYS_tgkill:
	case SYS_rt_tgsigqueueinfo:
		which = 2;
		break;
	default:
		return (false);
	}
	return ((pid_t)whose_argument(context, 0) == trap.process &&
		(int)whose_argument(context, which) == SIGKILL);
}

static void
refused(int signal_number, siginfo_t *info, void *argument)
{
	const int saved_errno = errno;
	ucontext_t *context = argument;
	int number = info->si_syscall;

	(void)signal_number;
	if (is_own_kill(number, context))
		fatal_kill(context);
	atomic_fetch_add_explicit(&trap.refusals, 1, memory_order_relaxed);
	if (number < 0 || number >= CALLS || trap.names[number] == NULL) {
		/* Newer than we are: the C library knows how to do without. */
		whose_answer(context, ENOSYS);
	} else {
		whose_answer(context, EPERM);
		tell(number, context);
	}
	errno = saved_errno;
}

int
sandbox_trap(void)
{
	struct sigaction action;

	trap.process = getpid();
	for (int number = 0; number < CALLS; number++) {
		free(trap.names[number]);
		trap.names[number] =
		    seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
	}
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = refused;
	action.sa_flags = SA_SIGINFO | SA_RESTART;
	(void)sigemptyset(&action.sa_mask);
	return (sigaction(SIGSYS, &action, NULL) == 0 ? 0 : -errno);
}

uint64_t
sandbox_refusals(void)
{
	return (atomic_load_explicit(&trap.refusals, memory_order_relaxed));
}
