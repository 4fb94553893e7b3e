/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks of a worker's dispatch thread. Used in steps 7 and 8 of a
 * request's life, when a module's callback asks for something synchronously
 * that must wait.
 *
 *	         take()            stack_park()
 *	FREE ------------> RUNNING ------------> PARKED
 *	  ^                   |  ^                 |  |
 *	  |  stack_resume(),  |  | stack_resume()  |  |
 *	  +-------------------+  +-----------------+  |
 *	  |  stack_pool_leave()                       |
 *	  +-------------------------------------------+
 *
 * One mapping per stack: a guard page at the bottom, and at the top the
 * struct itself, on a page that the first frames touch anyway.
 *
 * The last frames of a stack that is given up never return. It can't be
 * released while something stands on it, so the last act there is to name it
 * in pool->dead, and whoever runs next buries it: see arrive().
 */
#include "worker/stack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "shm/base/panic.h"

/* gcc says it by macros, clang by features. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define STACK_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define STACK_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#ifdef BULKHEAD_VALGRIND
#include <valgrind/valgrind.h>
#endif

enum {
	WARM_STACKS = 8,    /* free ones that keep all their pages */
	WARM_BYTES = 16384, /* the top of a stack, which every free one keeps */
};

enum stack_state {
	FREE,
	RUNNING,
	PARKED,
};

struct stack {
	ucontext_t context;
	enum stack_state state;
	char *low;   /* the lowest usable byte, above the guard page */
	size_t size; /* usable bytes */
	struct stack *next;
	struct stack *next_free;
#ifdef STACK_ASAN
	void *fake_stack;
#endif
#ifdef STACK_TSAN
	void *fiber;
#endif
#ifdef BULKHEAD_VALGRIND
	unsigned valgrind_id;
#endif
};

struct stack_pool {
	void (*loop)(void *);
	void *argument;
	size_t guard_size;
	struct stack *all;
	size_t count;
	struct stack *free;
	size_t free_count;
	size_t parked;
	struct stack *running;
	struct stack *dead; /* given up by who ran before */
	struct stack home;  /* the thread's own stack, in stack_pool_run() */
	ucontext_t fresh;   /* how stacks start: signal mask, rounding, ... */
};

/* --- What sanitizers and valgrind want to know ------------------------- */

/*
 * A mapping is a stack from now on. Without this memcheck takes a switch for
 * a large frame, and everything that a parked stack holds for freed.
 */
static inline void
announce(struct stack *stack)
{
#ifdef BULKHEAD_VALGRIND
	stack->valgrind_id =
	    VALGRIND_STACK_REGISTER(stack->low, stack->low + stack->size - 1);
#endif
	(void)stack;
}

/* The mapping is about to go. */
static inline void
withdraw(const struct stack *stack)
{
#ifdef BULKHEAD_VALGRIND
	VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
	(void)stack;
}

/*
 * Right before a switch from ${from}, for good if ${last}, to ${to}. Never a
 * call: ThreadSanitizer would see it begin on one stack and end on the other.
 */
static inline __attribute__((always_inline)) void
before_switch(struct stack *from, struct stack *to, bool last)
{
#ifdef STACK_ASAN
	__sanitizer_start_switch_fiber(
	    last ? NULL : &from->fake_stack, to->low, to->size);
#endif
#ifdef STACK_TSAN
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	(void)from;
	(void)to;
	(void)last;
}

/* Right after a switch to ${self}. */
static inline void
after_switch(struct stack_pool *pool, struct stack *self)
{
#ifdef STACK_ASAN
	const void *low;
	size_t size;

	__sanitizer_finish_switch_fiber(self->fake_stack, &low, &size);
	self->fake_stack = NULL;
	if (pool->home.low == NULL) {
		/* The first switch of all: from the thread's own stack. */
		pool->home.low = (char *)(uintptr_t)low;
		pool->home.size = size;
	}
#endif
	(void)pool;
	(void)self;
}

static inline void
first_frame(struct stack *stack)
{
#ifdef STACK_TSAN
	stack->fiber = __tsan_create_fiber(0);
#endif
	(void)stack;
}

/* Abandoned frames leave marks that the next ones must not stumble over. */
static inline void
forget_frames(struct stack *stack)
{
#ifdef STACK_ASAN
	__asan_unpoison_memory_region(stack->low, stack->size);
	stack->fake_stack = NULL;
#endif
#ifdef STACK_TSAN
	__tsan_destroy_fiber(stack->fiber);
	stack->fiber = NULL;
#endif
	(void)stack;
}

/* --- Stacks ------------------------------------------------------------ */

static void
release(struct stack_pool *pool, struct stack *stack)
{
	stack->state = FREE;
	stack->next_free = pool->free;
	pool->free = stack;
	pool->free_count++;
}

/* A new stack on the free list. */
static int
add_stack(struct stack_pool *pool)
{
	struct stack *stack;
	char *map;

	map = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (map == MAP_FAILED)
		return (-ENOMEM);
	if (mprotect(map, pool->guard_size, PROT_NONE) == -1) {
		(void)munmap(map, STACK_SIZE); /* it is ours and whole */
		return (-ENOMEM);
	}
	/* A cache line's alignment is more than any member asks for. */
	stack =
	    (void *)(map + STACK_SIZE - ((sizeof(*stack) + 63) & ~(size_t)63));
	stack->low = map + pool->guard_size;
	stack->size = (size_t)((char *)stack - stack->low);
	announce(stack);
	stack->next = pool->all;
	pool->all = stack;
	pool->count++;
	release(pool, stack);
	return (0);
}

/* The stack given up: nothing of its frames is needed any more. */
static void
bury(struct stack_pool *pool, struct stack *stack)
{
	forget_frames(stack);
	release(pool, stack);
	if (pool->free_count <= WARM_STACKS)
		return;
	/* If this fails, memory is held that wasn't needed: no harm. */
	(void)madvise(stack->low,
	    (stack->size & ~(pool->guard_size - 1)) - WARM_BYTES,
	    MADV_DONTNEED);
}

/* The first thing that runs on ${self} after a switch to it. */
static void
arrive(struct stack_pool *pool, struct stack *self)
{
	after_switch(pool, self);
	if (pool->dead != NULL)
		bury(pool, pool->dead);
	pool->dead = NULL;
}

/* makecontext(3) passes only ints: a pointer in two halves. */
static void
run_loop(unsigned high, unsigned low)
{
	struct stack_pool *pool;

	pool = (void *)((uintptr_t)high << 32 | (uintptr_t)low);
	arrive(pool, pool->running);
	pool->loop(pool->argument);
	stack_pool_leave(pool);
}

int
stack_prepare(struct stack_pool *pool)
{
	if (pool->free != NULL)
		return (0);
	return (pool->count == STACK_MAX ? -EAGAIN : add_stack(pool));
}

/* A fresh stack, ready to be switched to, which is now the running one. */
static int
take(struct stack_pool *pool, struct stack **ret_stack)
{
	const uintptr_t self = (uintptr_t)pool;
	struct stack *stack;
	int r;

	if ((r = stack_prepare(pool)) < 0)
		return (r);
	stack = pool->free;
	pool->free = stack->next_free;
	pool->free_count--;

	/*
	 * The copy refers to pool->fresh for the floating point state, which
	 * is what we want; the first switch away makes it refer to itself.
	 */
	stack->context = pool->fresh;
	stack->context.uc_link = NULL;
	stack->context.uc_stack.ss_sp = stack->low;
	stack->context.uc_stack.ss_size = stack->size;
	makecontext(&stack->context, (void (*)(void))run_loop, 2,
	    (unsigned)(self >> 32), (unsigned)(self & UINT32_MAX));
	first_frame(stack);
	stack->state = RUNNING;
	*ret_stack = stack;
	return (0);
}

/* Give up the running stack and go on at ${to}. */
static _Noreturn void
switch_for_good(struct stack_pool *pool, struct stack *to)
{
	pool->dead = pool->running;
	pool->running = to;
	before_switch(pool->dead, to, true);
	(void)setcontext(&to->context); /* returns only when it fails */
	panic(__FILE__, __LINE__, "setcontext");
}

/* --- The pool ---------------------------------------------------------- */

int
stack_pool_create(
    void (*loop)(void *), void *argument, struct stack_pool **ret_pool)
{
	struct stack_pool *pool;

	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return (-ENOMEM);
	pool->loop = loop;
	pool->argument = argument;
	pool->guard_size = (size_t)sysconf(_SC_PAGESIZE);
	/* The first one now, so that stack_pool_run() can't fail. */
	if (add_stack(pool) < 0) {
		free(pool);
		return (-ENOMEM);
	}
	*ret_pool = pool;
	return (0);
}

void
stack_pool_run(struct stack_pool *pool)
{
	struct stack *first, *stack;

	bh_assert(pool->running == NULL);
	bh_assert(getcontext(&pool->fresh) == 0);
	bh_assert(take(pool, &first) == 0);
#ifdef STACK_TSAN
	pool->home.fiber = __tsan_get_current_fiber();
#endif
	pool->home.low = NULL;
	pool->running = first;
	before_switch(&pool->home, first, false);
	bh_assert(swapcontext(&pool->home.context, &first->context) == 0);
	arrive(pool, &pool->home);
	pool->running = NULL;

	for (stack = pool->all; stack != NULL; stack = stack->next) {
		if (stack->state == PARKED)
			bury(pool, stack);
	}
	pool->parked = 0;
}

_Noreturn void
stack_pool_leave(struct stack_pool *pool)
{
	switch_for_good(pool, &pool->home);
}

void
stack_pool_free(struct stack_pool *pool)
{
	struct stack *stack, *next;

	if (pool == NULL)
		return;
	for (stack = pool->all; stack != NULL; stack = next) {
		next = stack->next;
		withdraw(stack);
		/* Fails only for a range that isn't ours. */
		(void)munmap(stack->low - pool->guard_size, STACK_SIZE);
	}
	free(pool);
}

struct stack *
stack_current(struct stack_pool *pool)
{
	return (pool->running);
}

int
stack_park(struct stack_pool *pool)
{
	struct stack *self = pool->running, *fresh;
	int r;

	r = take(pool, &fresh);
	if (r < 0)
		return (r);
	self->state = PARKED;
	pool->parked++;
	pool->running = fresh;
	before_switch(self, fresh, false);
	bh_assert(swapcontext(&self->context, &fresh->context) == 0);
	arrive(pool, self);
	return (0);
}

_Noreturn void
stack_resume(struct stack_pool *pool, struct stack *stack)
{
	bh_assert(stack->state == PARKED);
	stack->state = RUNNING;
	pool->parked--;
	switch_for_good(pool, stack);
}

size_t
stack_parked(const struct stack_pool *pool)
{
	return (pool->parked);
}
