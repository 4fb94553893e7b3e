/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Children under ptrace(2), for the tests that kill them.
 */
#include "tests/crash/ring_child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	EXIT_NO_PTRACE = 77
};

static int
restart_ring(struct fixture *f)
{
	ring_consumer_free(&f->consumer);
	ring_init(&f->ring, &f->segment, f->wake_fd);
	return (ring_consumer_init(&f->consumer, &f->ring));
}

int
scene_setup(void **state)
{
	const struct segment_geometry geometry = fixture_geometry();
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct scene *scene;
	struct fixture *f;

	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (scene == MAP_FAILED)
		return (-1);
	*state = scene;
	f = &scene->f;
	if (fixture_make(f, &geometry) != 0)
		return (-1);
	/* Fewer, so that a sweep has fewer instructions. */
	f->segment.geometry.entries_log2 = SCENE_ENTRIES_LOG2;
	f->segment.geometry.records = SCENE_RECORDS;
	f->reader.geometry = f->segment.geometry;
	scene->epoll = epoll_create1(EPOLL_CLOEXEC);
	/* Workers' own children don't get the segment. */
	if (scene->epoll == -1 ||
	    epoll_ctl(scene->epoll, EPOLL_CTL_ADD, f->wake_fd, &event) == -1 ||
	    madvise(f->segment.base, f->segment.size, MADV_DOFORK) == -1)
		return (-1);
	return (restart_ring(f));
}

int
scene_teardown(void **state)
{
	struct scene *scene = *state;

	(void)close(scene->epoll);
	fixture_unmake(&scene->f);
	return (munmap(scene, sizeof(*scene)));
}

void
scene_entries(struct scene *scene, uint32_t entries_log2)
{
	scene->f.segment.geometry.entries_log2 = entries_log2;
	scene->f.reader.geometry.entries_log2 = entries_log2;
	assert_int_equal(0, restart_ring(&scene->f));
}

ring_ref
scene_reserve(struct scene *scene, uint64_t token)
{
	assert_true(token < SCENE_OPERATIONS);
	assert_int_equal(
	    0, ring_reserve(&scene->f.consumer, CREDIT_CONTROL, OPERATION_FLUSH,
		   5, token, &scene->refs[token]));
	atomic_store(&scene->handled[token], 0);
	return (scene->refs[token]);
}

enum record_state
scene_state(const struct scene *scene, ring_ref ref)
{
	const struct op_record *record;

	record = &scene->f.segment.records[ref & 0xffffff];
	return ((enum record_state)record_state(atomic_load(&record->ctl)));
}

void
scene_expect_whole(const struct scene *scene)
{
	assert_int_equal(0, scene->f.consumer.corrupt);
	assert_int_equal(SCENE_RECORDS, scene->f.consumer.free_count);
}

static _Noreturn void
child_main(void (*run)(struct scene *scene), struct scene *scene)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(EXIT_NO_PTRACE);
	(void)raise(SIGSTOP);
	run(scene);
	_exit(0);
}

pid_t
child_start(void (*run)(struct scene *scene), struct scene *scene)
{
	int status;
	pid_t child;

	if (UNIT_TSAN)
		skip(); /* sees no other process, and forks too slowly */
	atomic_store(&scene->began, 0);
	atomic_store(&scene->ended, 0);
	child = fork();
	assert_true(child != -1);
	if (child == 0)
		child_main(run, scene);
	assert_int_equal(child, waitpid(child, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PTRACE)
		skip();
	assert_true(WIFSTOPPED(status));
	/* Should the test itself be killed. */
	assert_int_equal(
	    0, ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL));
	return (child);
}

bool
child_step(pid_t child, int steps)
{
	int status;

	for (; steps > 0; steps--) {
		assert_int_equal(
		    0, ptrace(PTRACE_SINGLESTEP, child, NULL, NULL));
		assert_int_equal(child, waitpid(child, &status, 0));
		if (WIFEXITED(status)) {
			assert_int_equal(0, WEXITSTATUS(status));
			return (false);
		}
		assert_true(WIFSTOPPED(status));
	}
	return (true);
}

void
child_measure(void (*run)(struct scene *scene), struct scene *scene,
    int *ret_first, int *ret_last)
{
	const pid_t child = child_start(run, scene);
	int first = 0, last = 0;

	for (; atomic_load(&scene->ended) == 0; last++) {
		assert_true(last < CHILD_STEPS_MAX && child_step(child, 1));
		if (atomic_load(&scene->began) == 0)
			first++;
	}
	child_kill(child);
	*ret_first = first;
	*ret_last = last;
}

void
child_kill(pid_t child)
{
	int status;

	assert_int_equal(0, kill(child, SIGKILL));
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFSIGNALED(status));
}

void
child_continue(pid_t child)
{
	int status;

	assert_int_equal(0, ptrace(PTRACE_DETACH, child, NULL, NULL));
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status));
}

bool
child_exhaustive(void)
{
	return (getenv("BULKHEAD_EXHAUSTIVE") != NULL);
}

int
child_stride(int exhaustive, int sampled)
{
	if (child_exhaustive())
		return (1);
#if UNIT_SANITIZED
	(void)exhaustive;
	return (10 * sampled + 1);
#elif defined(__OPTIMIZE__)
	(void)sampled;
	return (exhaustive);
#else
	(void)exhaustive;
	return (sampled);
#endif
}
