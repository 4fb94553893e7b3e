/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one thing that a dying worker says itself: which of its threads a fatal
 * signal has hit or has called for the exit, or that another process has sent
 * the signal. Everything else is told by who survives; without this word he
 * would have to guess when several threads were at work, and would take a sent
 * signal for a fault.
 */
#ifndef WORKER_FATAL_H
#define WORKER_FATAL_H

#include <ucontext.h>

/*
 * fatal_watch(): handle the signals that a fault or an abort raises, and those
 * that end a process when they are sent, on a stack of their own, and exits.
 * What happens next is what would have happened. Call once, before a module is
 * loaded; a module may replace the handlers.
 */
int fatal_watch(void);

/*
 * fatal_kill(context): the thread that stopped at ${context} sends SIGKILL,
 * which nobody can catch, to this process: say so, and send it. Returns only
 * when the kernel refuses that. From the handler of sandbox_trap().
 */
void fatal_kill(const ucontext_t *context);

/*
 * fatal_exit(): the calling thread ends this process by an exit: say so, unless
 * the process has let go of its segment, or is dying already. From exit.c, and
 * as a handler of exit(3).
 */
void fatal_exit(void);

/*
 * fatal_thread_begin(), fatal_thread_end(): the signal stack of another
 * thread, so that one that overflows its own can still say so. Best effort.
 */
void fatal_thread_begin(void);
void fatal_thread_end(void);

#endif
