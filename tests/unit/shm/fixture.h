/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small segment, made, mapped and sealed as master and worker do it, with a
 * ring, its consumer and the dispatch thread's producer.
 */
#ifndef TESTS_UNIT_SHM_FIXTURE_H
#define TESTS_UNIT_SHM_FIXTURE_H

#include "shm/ring.h"

enum {
	FIXTURE_RECORDS = 128, /* 64 of them for control only */
	FIXTURE_ENTRIES = 256,
	FIXTURE_PRODUCERS = 4, /* ids for the dispatch thread and two more */
	FIXTURE_SLOTS = 8,
	FIXTURE_MODULES = 2,
};

struct fixture {
	struct segment_fds fds; /* the master's: ro and buffers */
	struct segment segment; /* the worker's view */
	struct segment reader;
	struct ring ring;
	struct ring_consumer consumer;
	struct ring_producer dispatch;
	int wake_fd;
};

/* The counts above. */
struct segment_geometry fixture_geometry(void);

/* cmocka's setup and teardown: *${state} is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The same with other counts. */
int fixture_make(struct fixture *f, const struct segment_geometry *geometry);
void fixture_unmake(struct fixture *f);

/*
 * What somebody can do who has a descriptor of ours. fixture_map_writable(fd):
 * errno after mapping a page of it shared and writable; 0: it worked.
 * fixture_reopen(fd, flags): open its file again through /proc.
 */
int fixture_map_writable(int fd);
int fixture_reopen(int fd, int flags);

/* Let the ring go on at ${ticket}, as if it had come that far. */
void fixture_start_at(struct fixture *f, uint64_t ticket);

#endif
