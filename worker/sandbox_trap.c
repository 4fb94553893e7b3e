/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A system call that the filter refuses: SIGSYS comes in its place, on the
 * thread that made it. The call fails, and one line says whose it was.
 */
#include "worker/sandbox.h"

#include "shm/activity.h"
#include "shm/base/log.h"
#include "worker/module.h"
#include "worker/worker.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	CALLS = 512,     /* numbers that can have a name */
	TOLD_MAX = 8,    /* lines for each of them */
	FRAMES_MAX = 64, /* KiB of the stack that are looked through */
	PAGE = 4096,
	STEP_NAME = 48,
};

static struct {
	const struct modules *modules;
	pid_t process;
	char *names[CALLS]; /* made beforehand: a handler allocates nothing */
	_Atomic unsigned told[CALLS];
	_Atomic uint64_t refusals;
} trap;

/* Where the interrupted thread's stack is, and where its answer goes. */
#if defined(__x86_64__)
static uintptr_t
stack_of(const ucontext_t *context)
{
	return ((uintptr_t)context->uc_mcontext.gregs[REG_RSP]);
}

static void
answer(ucontext_t *context, int error)
{
	context->uc_mcontext.gregs[REG_RAX] = -error;
}
#elif defined(__aarch64__)
static uintptr_t
stack_of(const ucontext_t *context)
{
	return ((uintptr_t)context->uc_mcontext.sp);
}

static void
answer(ucontext_t *context, int error)
{
	context->uc_mcontext.regs[0] = (unsigned long long)-error;
}
#else
#error "say where this architecture keeps a system call's result"
#endif

/*
 * The first address on the stack that lies in a module's code: whoever called
 * the library that made the call. Pages that aren't there end the search.
 */
static const struct bh_registration *
module_on_stack(uintptr_t stack)
{
	const struct bh_registration *module;
	const uintptr_t *word =
	    (const uintptr_t *)((stack + 7) & ~(uintptr_t)7);
	uintptr_t end = (stack & ~(uintptr_t)(PAGE - 1)) + PAGE;
	unsigned char resident;

	for (int page = 0; page < FRAMES_MAX * 1024 / PAGE; page++) {
		for (; (uintptr_t)word < end; word++) {
			module = modules_by_address(
			    trap.modules, (const void *)*word);
			if (module != NULL)
				return (module);
		}
		if (mincore((void *)end, PAGE, &resident) != 0)
			break;
		end += PAGE;
	}
	return (NULL);
}

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
	if (getpid() == trap.process && worker_on_dispatch_thread() &&
	    worker_self->activity != NULL)
		word = atomic_load_explicit(
		    &worker_self->activity->word, memory_order_relaxed);
	if (activity_unpack(word, &id, &step, ret_request) &&
	    id < trap.modules->count) {
		activity_step_name(step, ret_step, STEP_NAME);
		return (trap.modules->list[id].name);
	}
	module = module_on_stack(stack_of(context));
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

static void
refused(int signal_number, siginfo_t *info, void *argument)
{
	const int saved_errno = errno;
	ucontext_t *context = argument;
	int number = info->si_syscall;

	(void)signal_number;
	atomic_fetch_add_explicit(&trap.refusals, 1, memory_order_relaxed);
	if (number < 0 || number >= CALLS || trap.names[number] == NULL) {
		/* Newer than we are: the C library knows how to do without. */
		answer(context, ENOSYS);
	} else {
		answer(context, EPERM);
		tell(number, context);
	}
	errno = saved_errno;
}

int
sandbox_trap(const struct modules *modules)
{
	struct sigaction action;

	trap.modules = modules;
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
