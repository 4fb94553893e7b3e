/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's registers and stack, where a signal has stopped it or where it
 * exits. Any thread.
 */
#include "worker/whose.h"

#include "worker/worker.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	PAGES = 16,     /* of the stack that are looked through */
	NOTHING = -1,   /* none of SIG_BLOCK and the like */
	SIGNAL_SET = 8, /* bytes of the kernel's */
};

#if defined(__x86_64__)
static uintptr_t
counter_of(const ucontext_t *context)
{
	return ((uintptr_t)context->uc_mcontext.gregs[REG_RIP]);
}

static uintptr_t
stack_of(const ucontext_t *context)
{
	return ((uintptr_t)context->uc_mcontext.gregs[REG_RSP]);
}

uint64_t
whose_argument(const ucontext_t *context, unsigned which)
{
	static const int registers[] = { REG_RDI, REG_RSI, REG_RDX };

	return ((uint64_t)context->uc_mcontext.gregs[registers[which]]);
}

void
whose_answer(ucontext_t *context, int error)
{
	context->uc_mcontext.gregs[REG_RAX] = -error;
}
#elif defined(__aarch64__)
static uintptr_t
counter_of(const ucontext_t *context)
{
	return ((uintptr_t)context->uc_mcontext.pc);
}

static uintptr_t
stack_of(const ucontext_t *context)
{
	return ((uintptr_t)context->uc_mcontext.sp);
}

uint64_t
whose_argument(const ucontext_t *context, unsigned which)
{
	return (context->uc_mcontext.regs[which]);
}

void
whose_answer(ucontext_t *context, int error)
{
	context->uc_mcontext.regs[0] = (unsigned long long)-error;
}
#else
#error "say where this architecture keeps these registers"
#endif

/*
 * A stack pointer may be anything after a crash, and above a thread's stack
 * lies the next one's guard page, which is mapped but not to be read. The
 * kernel reads a signal set before it finds that there is no such thing to do
 * with it.
 */
static bool
is_readable(uintptr_t page)
{
	const int saved_errno = errno;
	const bool readable =
	    syscall(SYS_rt_sigprocmask, NOTHING, page, NULL, SIGNAL_SET) == 0 ||
	    errno != EFAULT;

	errno = saved_errno;
	return (readable);
}

/* The first of a module's addresses from ${stack} upwards. */
static const struct bh_registration *
look_through(uintptr_t stack)
{
	const struct modules *modules = &worker_self->modules;
	const struct bh_registration *module = NULL;
	uintptr_t word = (stack + 7) & ~(uintptr_t)7, end;

	for (int page = 0; module == NULL && page < PAGES; page++) {
		end = (word & ~(uintptr_t)(PAGE - 1)) + PAGE;
		if (!is_readable(end - PAGE))
			break;
		for (; module == NULL && word < end; word += sizeof(word))
			module =
			    modules_by_address(modules, *(void *const *)word);
	}
	return (module);
}

const struct bh_registration *
whose_code(const ucontext_t *context)
{
	const struct bh_registration *module;

	module = modules_by_address(
	    &worker_self->modules, (void *)counter_of(context));
	return (module != NULL ? module : look_through(stack_of(context)));
}

const struct bh_registration *
whose_call(void)
{
	return (look_through((uintptr_t)__builtin_frame_address(0)));
}
