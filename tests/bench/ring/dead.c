/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A helper process dies with every record of the ring in its hands: a quarter
 * published, which must come with their results, the rest not, which must end
 * with -EOWNERDEAD. Timed from when its pidfd is readable until the handler
 * has been entered for all.
 *
 * The helper is a process of its own that publishes into the shared ring. It is
 * killed between two publications, so that every round finds the same wreck;
 * tests/crash kills within one.
 */
#include "bench.h"

#include "shm/base/fd.h"
#include "shm/ring.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RECORDS = 4096,
	PUBLISHED = RECORDS / 4,
};

struct wreck {
	struct segment_fds fds;
	struct segment segment;
	struct ring ring;
	struct ring_consumer consumer;
	struct ring_producer helper;
	int wake_fd;
	int told_fd; /* the helper has published its part */
	pid_t pid;   /* the helper's */
	ring_ref refs[RECORDS];
	unsigned ended[RECORDS]; /* how often */
};

static void
make_ring(struct wreck *wreck)
{
	static const char *const no_modules[] = { NULL };
	struct segment_geometry geometry = segment_default_geometry(64, 0);
	struct segment_fds passed;

	geometry.records = RECORDS;
	if (segment_create(&geometry, 0, 1, no_modules, &wreck->fds) != 0 ||
	    segment_allocate(&wreck->fds) != 0)
		errx(1, "can't make a segment");
	passed.rw = fcntl(wreck->fds.rw, F_DUPFD_CLOEXEC, 0);
	passed.ro = fcntl(wreck->fds.ro, F_DUPFD_CLOEXEC, 0);
	passed.buffers = fcntl(wreck->fds.buffers, F_DUPFD_CLOEXEC, 0);
	wreck->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	wreck->told_fd = eventfd(0, EFD_CLOEXEC);
	if (segment_map_worker(&passed, &wreck->segment) != 0 ||
	    segment_seal(&wreck->fds) != 0 || wreck->wake_fd == -1 ||
	    wreck->told_fd == -1 ||
	    madvise(wreck->segment.base, wreck->segment.size, MADV_DOFORK) ==
		-1)
		errx(1, "can't map a segment");
	ring_init(&wreck->ring, &wreck->segment, wreck->wake_fd);
	if (ring_consumer_init(&wreck->consumer, &wreck->ring) != 0)
		errx(1, "can't make a ring");
	ring_producer_init(&wreck->helper, &wreck->ring, PRODUCER_NONE);
}

static void
free_ring(struct wreck *wreck)
{
	(void)waitpid(wreck->pid, NULL, 0);
	ring_producer_fini(&wreck->helper);
	ring_consumer_free(&wreck->consumer);
	segment_unmap(&wreck->segment);
	fd_close(&wreck->fds.ro);
	fd_close(&wreck->fds.buffers);
	fd_close(&wreck->wake_fd);
	fd_close(&wreck->told_fd);
	free(wreck);
}

/* Every record is the helper's. */
static void
put_in_flight(struct wreck *wreck)
{
	unsigned i;

	for (i = 0; i < RECORDS; i++) {
		if (ring_reserve(&wreck->consumer, CREDIT_CONTROL,
			OPERATION_FLUSH, 1, i, &wreck->refs[i]) != 0)
			errx(1, "no credit");
		ring_assign(&wreck->consumer, wreck->refs[i], wreck->helper.id);
	}
}

/* The helper: some of them it completes. */
static _Noreturn void
help(struct wreck *wreck)
{
	const uint64_t one = 1;
	unsigned i;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < PUBLISHED; i++)
		ring_publish(&wreck->helper, wreck->refs[i], i, 0, 0);
	if (write(wreck->told_fd, &one, sizeof(one)) == sizeof(one))
		(void)pause();
	_exit(1);
}

/* Start the helper, kill it, and return when its pidfd is readable. */
static void
lose_helper(struct wreck *wreck)
{
	struct pollfd readable = { .events = POLLIN };
	uint64_t told;

	wreck->pid = fork();
	if (wreck->pid == -1)
		err(1, "fork");
	if (wreck->pid == 0)
		help(wreck);
	readable.fd = (int)syscall(SYS_pidfd_open, wreck->pid, 0);
	if (readable.fd == -1 ||
	    read(wreck->told_fd, &told, sizeof(told)) != sizeof(told) ||
	    kill(wreck->pid, SIGKILL) == -1 || poll(&readable, 1, 10000) != 1)
		err(1, "can't lose a process");
	(void)close(readable.fd);
}

void
dead_measure(struct bench *bench)
{
	struct wreck *wreck = calloc(1, sizeof(*wreck));
	struct completion completion;
	uint64_t began, wrong = 0;
	unsigned i;

	if (wreck == NULL)
		err(1, "calloc");
	make_ring(wreck);
	put_in_flight(wreck);
	lose_helper(wreck);
	began = bench_ticks();
	(void)ring_sweep(&wreck->consumer, wreck->helper.id);
	while (ring_consume(&wreck->consumer, &completion)) {
		wrong +=
		    completion.token >= RECORDS ||
		    ++wreck->ended[completion.token] != 1 ||
		    (completion.token < PUBLISHED
			    ? completion.status != 0 ||
				  completion.bytes != (int64_t)completion.token
			    : completion.status != -EOWNERDEAD);
		ring_release(&wreck->consumer, completion.ref);
	}
	bench_add(bench, SCENARIO_DEAD, "bulkhead",
	    (double)(bench_ticks() - began) * bench->ns_per_tick);
	for (i = 0; i < RECORDS; i++)
		wrong += wreck->ended[i] != 1;
	bench->wrong += wrong;
	bench->delivered += RECORDS - wrong;
	free_ring(wreck);
}
