/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks for synchronous calls that must wait. The dispatch loop always runs
 * on a stack of this pool. A call that must wait parks the whole stack that
 * it stands on, the loop's own frames below it included, and the loop goes on
 * upon a fresh one; when the call's completion is dispatched there, that
 * stack is given up and the parked one continues. The loop therefore keeps
 * nothing in its frames that it needs after a callback.
 *
 * Dispatch thread only.
 */
#ifndef WORKER_STACK_H
#define WORKER_STACK_H

#include <stddef.h>
#include <stdint.h>

struct stack; /* one stack */

enum {
	STACK_SIZE = 512 * 1024, /* address space; pages come when touched */
	STACK_MAX = 256,         /* parked ones and the running one */
};

struct stack_pool;

/*
 * stack_pool_create(loop, argument, ret_pool):
 * A pool whose stacks run ${loop}(${argument}). Returns 0 or -ENOMEM.
 */
int stack_pool_create(
    void (*loop)(void *), void *argument, struct stack_pool **ret_pool);

/*
 * stack_pool_run(pool):
 * Run the loop on the first stack and come back when some stack calls
 * stack_pool_leave(). Call from the thread's own stack.
 */
void stack_pool_run(struct stack_pool *pool);

/*
 * stack_pool_leave(pool): the loop is over: continue after stack_pool_run().
 * Parked stacks are abandoned: what their frames hold isn't released. A loop
 * that returns leaves as well.
 */
_Noreturn void stack_pool_leave(struct stack_pool *pool);

/* stack_pool_free(pool): unmap all stacks. NULL is fine. */
void stack_pool_free(struct stack_pool *pool);

/*
 * stack_current(pool): the stack that is running, a handle for
 * stack_resume().
 */
struct stack *stack_current(struct stack_pool *pool);

/*
 * stack_prepare(pool):
 * See to it that the next stack_park() can't fail: before anything is begun
 * that must not be left half done. Returns 0, -EAGAIN when as many are parked
 * as may be, or -ENOMEM.
 */
int stack_prepare(struct stack_pool *pool);

/*
 * stack_park(pool):
 * Park the running stack and run the loop anew on a fresh one. Returns 0 when
 * another stack has resumed this one, or at once what stack_prepare() says
 * when there is no other. The fresh loop starts with the signal mask and the
 * floating point environment of stack_pool_run(); a parked one keeps its own.
 */
int stack_park(struct stack_pool *pool);

/*
 * stack_resume(pool, stack):
 * Continue the parked ${stack} after its stack_park(). The running stack is
 * given back to the pool: nothing of its frames survives, so the caller has
 * released what it held.
 */
_Noreturn void stack_resume(struct stack_pool *pool, struct stack *stack);

/* stack_parked(pool): how many are parked now. */
size_t stack_parked(const struct stack_pool *pool);

#endif
