/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who ended a worker? The kernel doesn't say who sent a signal, but it says
 * which one, and counts those that it sends itself for want of memory.
 */
#ifndef MASTER_CAUSE_H
#define MASTER_CAUSE_H

#include <signal.h>

enum cause {
	CAUSE_OWN,     /* a fault of its own, or it exited */
	CAUSE_MASTER,  /* we ended it: it hung, was late, or spoke nonsense */
	CAUSE_MEMORY,  /* the kernel, because memory was short */
	CAUSE_OUTSIDE, /* somebody sent it a signal that no fault raises */
	CAUSES
};

struct worker;

/*
 * cause_find(worker, end): ${end} is what waitid(2) told. To be asked once a
 * death.
 */
enum cause cause_find(const struct worker *worker, const siginfo_t *end);

/*
 * cause_name(cause): "own", "master", "memory", "outside", as reports call it.
 * cause_describe(cause): " from outside" and the like, or "".
 */
const char *cause_name(enum cause cause);
const char *cause_describe(enum cause cause);

#endif
