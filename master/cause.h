/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who ended a worker? The kernel doesn't tell us who sent a signal, but it
 * says which one, and counts those that it sends itself for want of memory. It
 * tells the worker, which passes it on if the signal can be caught.
 */
#ifndef MASTER_CAUSE_H
#define MASTER_CAUSE_H

#include <signal.h>

enum cause {
	CAUSE_OWN,     /* a fault of its own, or it exited */
	CAUSE_MASTER,  /* we ended it: it hung, was late, or spoke nonsense */
	CAUSE_MEMORY,  /* the kernel, because memory was short */
	CAUSE_OUTSIDE, /* somebody else sent it a signal */
	CAUSES
};

struct worker;

/*
 * cause_find(worker, end): ${end} is what waitid(2) told; the worker's segment
 * is still mapped. To be asked once a death.
 */
enum cause cause_find(const struct worker *worker, const siginfo_t *end);

/*
 * cause_name(cause): "own", "master", "memory", "outside", as reports call it.
 * cause_describe(cause): " from outside" and the like, or "".
 */
const char *cause_name(enum cause cause);
const char *cause_describe(enum cause cause);

#endif
