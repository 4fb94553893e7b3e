/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scene for two processes, and a child process in it that is stopped after
 * as many instructions as we like (ptrace(2)): what it has stored by then is
 * what a SIGKILL would leave.
 */
#ifndef TESTS_CRASH_RING_CHILD_H
#define TESTS_CRASH_RING_CHILD_H

#include "tests/unit/shm/fixture.h"
#include "tests/unit/shm/unit.h"

#include <sys/types.h>

enum {
	SCENE_ENTRIES_LOG2 = 4,
	SCENE_ENTRIES = 1 << SCENE_ENTRIES_LOG2,
	SCENE_RECORDS = 64, /* CREDIT_CONTROL may take them all */
	SCENE_OPERATIONS = 16,
	CHILD_STEPS_MAX = 200000,
};

/* Shared by parent and children, and no part of the segment. */
struct scene {
	struct fixture f; /* its ring is smaller than real ones may be */
	ring_ref refs[SCENE_OPERATIONS];
	_Atomic int began; /* the child is about to call into the ring */
	_Atomic int ended; /* and will do nothing more of interest */
	_Atomic int handled[SCENE_OPERATIONS]; /* by token */
	int epoll; /* the ring's eventfd, as an engine has it */
};

/* cmocka's setup and teardown: *${state} is a struct scene. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* scene_entries(scene, log2): a ring of other length, empty. */
void scene_entries(struct scene *scene, uint32_t entries_log2);

/* scene_reserve(scene, token): refs[token] is in flight. */
ring_ref scene_reserve(struct scene *scene, uint64_t token);

/* scene_state(scene, ref): of its record now. */
enum record_state scene_state(const struct scene *scene, ring_ref ref);

/* scene_expect_whole(scene): all records are free, nothing was corrupt. */
void scene_expect_whole(const struct scene *scene);

/*
 * child_start(run, scene):
 * Fork a child that will call run(scene) and exit with 0; stopped before that.
 * Skips the test where ptrace(2) is forbidden.
 */
pid_t child_start(void (*run)(struct scene *scene), struct scene *scene);

/*
 * child_step(child, steps):
 * False when the child has exited with 0 before: a clock read isn't always
 * equally long.
 */
bool child_step(pid_t child, int steps);

/*
 * child_measure(run, scene, ret_first, ret_last):
 * How many steps a child makes before it sets scene->began, and until it sets
 * scene->ended; it is killed then.
 */
void child_measure(void (*run)(struct scene *scene), struct scene *scene,
    int *ret_first, int *ret_last);

void child_kill(pid_t child);

/* child_continue(child): let it run to its end, unwatched; exits with 0. */
void child_continue(pid_t child);

/*
 * child_stride(exhaustive, sampled):
 * How many instructions to advance from one death to the next: ${exhaustive}
 * of the code that users run or with BULKHEAD_EXHAUSTIVE in the environment,
 * else a sample. A debug build has several times as many instructions, one
 * with sanitizers some ten times.
 */
int child_stride(int exhaustive, int sampled);

/* Is BULKHEAD_EXHAUSTIVE set? */
bool child_exhaustive(void);

#endif
