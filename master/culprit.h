/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who was running? What a worker's activity words say, living or dead, as
 * private and checked values.
 */
#ifndef MASTER_CULPRIT_H
#define MASTER_CULPRIT_H

#include "shm/segment.h"

struct worker;

enum {
	CULPRIT_TEXT = 256,
	CULPRIT_STEP = 64,
};

struct culprit {
	uint32_t thread;   /* 0 is the dispatch loop */
	uint32_t module;   /* its id; there may be no such module */
	uint32_t step;     /* enum activity_step and others */
	uint64_t request;  /* 0: none */
	uint64_t since_ns; /* when the callback began, by the worker's word */
	char name[SEGMENT_MODULE_NAME];
	char step_name[CULPRIT_STEP]; /* empty: between callbacks */
};

/*
 * culprit_find(view, thread, ret_culprit): the first thread from ${thread} on
 * that does something. False when there is none, or no view.
 */
bool culprit_find(
    const struct segment *view, uint32_t thread, struct culprit *ret_culprit);

/*
 * culprit_find_dead(worker, ret_culprit): of a worker that is dead and whose
 * segment is still mapped: the thread that a signal hit or that has exited, if
 * the wreck tells, else the first that did something. Of one that we have
 * aborted because its dispatch loop stood still, only what that did; and of one
 * that refused connections, nobody.
 */
bool culprit_find_dead(
    const struct worker *worker, struct culprit *ret_culprit);

/* culprit_find_dispatching(view, ret_culprit): the dispatch loop only. */
bool culprit_find_dispatching(
    const struct segment *view, struct culprit *ret_culprit);

/*
 * culprit_describe(culprit, ret_text, size):
 * " in module faulty, begin_request, request 3-17", as much as is known.
 */
void culprit_describe(
    const struct culprit *culprit, char *ret_text, size_t size);

#endif
