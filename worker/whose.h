/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose code was a thread running when a signal stopped it, or when it exits?
 * For signal handlers: no lock, no heap, nothing that can wait.
 */
#ifndef WORKER_WHOSE_H
#define WORKER_WHOSE_H

#include <stdint.h>
#include <ucontext.h>

struct bh_registration;

/*
 * whose_code(context):
 * The module whose code was running, or had called what was running: the
 * first of its addresses on the interrupted stack. NULL when there is none in
 * reach. Any thread, also of a process that was forked from the worker.
 */
const struct bh_registration *whose_code(const ucontext_t *context);

/* whose_call(): the same of the calling thread, by its stack alone. */
const struct bh_registration *whose_call(void);

/*
 * Where a system call was refused. whose_argument(context, which): what it was
 * given, 0 is the first, 2 the last that can be asked for.
 * whose_answer(context, error): make it return -${error}.
 */
uint64_t whose_argument(const ucontext_t *context, unsigned which);
void whose_answer(ucontext_t *context, int error);

#endif
