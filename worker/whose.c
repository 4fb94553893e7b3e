/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupted thread's registers and stack. In signal handlers.
 */
#include "worker/whose.h"

#include "worker/worker.h"

#include <stdbool.h>
#include <sys/mman.h>

enum {
	PAGE = 4096,
	PAGES = 16, /* of the stack that are looked through */
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

void
whose_answer(ucontext_t *context, int error)
{
	context->uc_mcontext.regs[0] = (unsigned long long)-error;
}
#else
#error "say where this architecture keeps these registers"
#endif

/* A stack pointer may be anything after a crash. */
static bool
is_mapped(uintptr_t page)
{
	unsigned char resident;

	return (mincore((void *)page, PAGE, &resident) == 0);
}

const struct bh_registration *
whose_code(const ucontext_t *context)
{
	const struct modules *modules = &worker_self->modules;
	const struct bh_registration *module;
	uintptr_t word = (stack_of(context) + 7) & ~(uintptr_t)7, end;

	module = modules_by_address(modules, (void *)counter_of(context));
	for (int page = 0; module == NULL && page < PAGES; page++) {
		end = (word & ~(uintptr_t)(PAGE - 1)) + PAGE;
		if (!is_mapped(end - PAGE))
			break;
		for (; module == NULL && word < end; word += sizeof(word))
			module =
			    modules_by_address(modules, *(void *const *)word);
	}
	return (module);
}
