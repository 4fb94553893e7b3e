/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small segment for the unit tests of shm/.
 */
#include "fixture.h"

#include "shm/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const module_names[] = { "first", "second" };

struct segment_geometry
fixture_geometry(void)
{
	return ((struct segment_geometry){
	    .records = FIXTURE_RECORDS,
	    .entries_log2 = 8,
	    .producers = FIXTURE_PRODUCERS,
	    .slots = FIXTURE_SLOTS,
	    .buffers = 2,
	    .buffer_size = SEGMENT_PAGE,
	    .modules = FIXTURE_MODULES,
	});
}

int
fixture_make(struct fixture *f, const struct segment_geometry *geometry)
{
	struct segment_fds passed;

	if (segment_create(geometry, 7, 19, module_names, &f->fds) != 0 ||
	    segment_allocate(&f->fds) != 0)
		return (-1);
	/* What the socket would do. */
	passed.rw = fcntl(f->fds.rw, F_DUPFD_CLOEXEC, 0);
	passed.ro = fcntl(f->fds.ro, F_DUPFD_CLOEXEC, 0);
	passed.buffers = fcntl(f->fds.buffers, F_DUPFD_CLOEXEC, 0);
	f->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (segment_map_worker(&passed, &f->segment) != 0 ||
	    segment_seal(&f->fds) != 0 ||
	    segment_map_reader(f->fds.ro, &f->reader) != 0 || f->wake_fd == -1)
		return (-1);
	ring_init(&f->ring, &f->segment, f->wake_fd);
	if (ring_consumer_init(&f->consumer, &f->ring) != 0)
		return (-1);
	ring_producer_init(&f->dispatch, &f->ring, PRODUCER_DISPATCH);
	return (0);
}

void
fixture_unmake(struct fixture *f)
{
	ring_producer_fini(&f->dispatch);
	ring_consumer_free(&f->consumer);
	segment_unmap(&f->reader);
	segment_unmap(&f->segment);
	fd_close(&f->fds.rw);
	fd_close(&f->fds.ro);
	fd_close(&f->fds.buffers);
	fd_close(&f->wake_fd);
}

int
fixture_setup(void **state)
{
	const struct segment_geometry geometry = fixture_geometry();
	struct fixture *f;

	f = calloc(1, sizeof(*f));
	if (f == NULL || fixture_make(f, &geometry) != 0)
		return (-1);
	*state = f;
	return (0);
}

int
fixture_teardown(void **state)
{
	fixture_unmake(*state);
	free(*state);
	return (0);
}

void
fixture_start_at(struct fixture *f, uint64_t ticket)
{
	const uint64_t entries = f->ring.mask + 1;
	uint64_t i;

	for (i = 0; i < entries; i++)
		atomic_store(&f->segment.entries[(ticket + i) & f->ring.mask],
		    entry_free(ticket + i, f->segment.geometry.entries_log2));
	atomic_store(&f->segment.producers->tail, ticket);
	f->consumer.head = ticket;
}

int
fixture_map_writable(int fd)
{
	void *page;

	page =
	    mmap(NULL, SEGMENT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return (errno);
	(void)munmap(page, SEGMENT_PAGE);
	return (0);
}

int
fixture_reopen(int fd, int flags)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (open(path, flags | O_CLOEXEC));
}
