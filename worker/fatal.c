/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fatal signals and exits: one or two stores into the segment, then death as
 * usual. Any thread.
 */
#include "worker/fatal.h"

#include "shm/activity.h"
#include "worker/sandbox.h"
#include "worker/whose.h"
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STACK = 64 * 1024, /* a sanitizer's report is made on it too */
};

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
	SIGTRAP, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

enum {
	SIGNALS = sizeof(signals) / sizeof(signals[0])
};

static struct sigaction before[SIGNALS];
static pid_t process;

/*
 * A thread that a module has made. A callback of the same module that runs
 * meanwhile probably waits for it, and knows the request.
 */
static void
tell_stranger(
    struct segment_consumer *consumer, const struct bh_registration *module)
{
	uint32_t thread, id;
	uint64_t word;

	for (thread = 0; thread < SEGMENT_STRANGER; thread++) {
		word = atomic_load_explicit(
		    &consumer->activities[thread].word, memory_order_relaxed);
		if (activity_unpack(word, &id, NULL, NULL) && id == module->id)
			break;
	}
	if (thread == SEGMENT_STRANGER)
		(void)activity_set(&consumer->activities[thread],
		    activity_pack(module->id, ACTIVITY_THREAD, 0));
	activity_set_fatal(consumer, thread);
}

/* ${context}: where a signal has stopped this thread, or NULL. */
static void
tell(const ucontext_t *context, const struct activity *own)
{
	struct segment_consumer *consumer = worker_self->segment.consumer;
	const struct bh_registration *module;

	if (own != NULL) {
		activity_set_fatal(
		    consumer, (uint32_t)(own - consumer->activities));
		return;
	}
	module = context != NULL ? whose_code(context) : whose_call();
	if (module != NULL)
		tell_stranger(consumer, module);
}

/* A forked child has no segment, and main() none when it returns. */
static bool
has_segment(void)
{
	return (getpid() == process && worker_self->segment.consumer != NULL);
}

/*
 * By kill(2) and the like; or by the kernel, when a terminal or a session ends.
 * A timer's signal, or a descriptor's, is its process's own.
 */
static bool
is_others(int number, const siginfo_t *info)
{
	switch (info->si_code) {
	case SI_USER:
	case SI_QUEUE:
	case SI_TKILL:
		return (info->si_pid != process);
	case SI_KERNEL:
		return (number == SIGHUP || number == SIGINT ||
			number == SIGQUIT || number == SIGTERM);
	default:
		return (false);
	}
}

/*
 * What was said first stays: a sanitizer makes an abort of a sent signal, and
 * other threads crash on what an exit's handlers have taken from under them.
 */
static bool
is_said(const struct segment_consumer *consumer)
{
	return (activity_was_sent(consumer) || activity_fatal(consumer) != -1);
}

static void
say(int number, const siginfo_t *info, const ucontext_t *context)
{
	struct segment_consumer *consumer = worker_self->segment.consumer;

	if (is_others(number, info))
		activity_set_sent(consumer);
	else if (!is_said(consumer))
		tell(context, worker_thread_activity);
}

/* Has this thread's own instruction raised it? A breakpoint's is behind it. */
static bool
is_fault(int number, const siginfo_t *info)
{
	return (info->si_code > 0 && (number == SIGSEGV || number == SIGBUS ||
					 number == SIGILL || number == SIGFPE));
}

static void
hit(int number, siginfo_t *info, void *context)
{
	const int saved_errno = errno;
	size_t i = 0;

	while (i < SIGNALS - 1 && signals[i] != number)
		i++;
	(void)sigaction(number, &before[i], NULL);
	if (has_segment())
		say(number, info, context);
	/* A fault happens again when we return; nothing else does. */
	if (!is_fault(number, info))
		(void)syscall(
		    SYS_tgkill, getpid(), syscall(SYS_gettid), number);
	errno = saved_errno;
}

void
fatal_kill(const ucontext_t *context)
{
	if (has_segment())
		tell(context, worker_thread_activity);
	(void)syscall(SYS_kill, process, SIGKILL, SANDBOX_KILL_TOLD);
}

void
fatal_exit(void)
{
	const struct activity *own = worker_thread_activity;

	if (!has_segment() || is_said(worker_self->segment.consumer))
		return;
	/* In no callback: a handler that a module has left behind. */
	if (own != NULL &&
	    atomic_load_explicit(&own->word, memory_order_relaxed) == 0)
		own = NULL;
	tell(NULL, own);
}

int
fatal_watch(void)
{
	struct sigaction action;

	process = getpid();
	if (atexit(fatal_exit) != 0 || at_quick_exit(fatal_exit) != 0)
		return (-ENOMEM);
	fatal_thread_begin();
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = hit;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		if (sigaction(signals[i], &action, &before[i]) != 0)
			return (-errno);
	return (0);
}

void
fatal_thread_begin(void)
{
	stack_t stack = { .ss_size = STACK };

	stack.ss_sp = malloc(STACK);
	if (stack.ss_sp != NULL && sigaltstack(&stack, NULL) != 0)
		free(stack.ss_sp);
}

void
fatal_thread_end(void)
{
	stack_t none = { .ss_flags = SS_DISABLE }, old;

	if (sigaltstack(&none, &old) == 0 && (old.ss_flags & SS_DISABLE) == 0)
		free(old.ss_sp);
}
