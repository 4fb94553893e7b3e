/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making, sealing and mapping a segment. The order is that of DESIGN section
 * 4, and each step is a function:
 *
 *	master: segment_create()      memfds of mode 0600, header written, a
 *	                              read-only descriptor
 *	child:  segment_allocate()    all of their memory, between fork and
 *	                              exec: no worker runs without
 *	worker: segment_map_worker()  header through the read-only descriptor,
 *	                              the rest read-write; then says MAPPED
 *	master: segment_seal()        shrink, grow, future-write, seal; sees
 *	                              that no memory is missing
 *	worker: loads its modules
 *	anyone: segment_map_reader()  everything read-only, checked
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include "shm/layout.h"

#include <stdbool.h>

enum {
	SEGMENT_LOG_SIZE = 256 * 1024 /* a thousand lines and more */
};

/* Descriptors of one segment; -1 where absent. Owned by whoever made them. */
struct segment_fds {
	int rw;      /* for the worker, until it has mapped */
	int ro;      /* can't be mapped nor reopened writable once sealed */
	int buffers; /* the second memfd, not given to monitors */
};

/*
 * One process's view of a segment. The geometry is a private copy, taken
 * once and checked: nothing here is ever read again from shared memory.
 */
struct segment {
	struct segment_geometry geometry;
	uint32_t worker;
	uint32_t incarnation;
	const struct segment_header *header;
	struct segment_consumer *consumer;
	struct lane_entry *lane; /* behind them */
	struct segment_producers *producers;
	_Atomic uint64_t *entries;
	struct op_record *records;
	struct conn_slot *slots;
	_Atomic uint64_t *stats;
	uint32_t stats_worker_words;
	uint32_t stats_module_words;
	struct recorder_entry *recorder;
	struct segment_log *log;
	uint8_t *buffers; /* NULL in a reader's view */
	void *base;       /* of the whole mapping */
	size_t size;
	size_t buffers_size;
	bool writable;
};

/*
 * segment_default_geometry(slots, modules):
 * The sizes for a worker that may hold ${slots} connections and keeps no
 * access log (log_size 0; SEGMENT_LOG_SIZE is a good one).
 */
struct segment_geometry segment_default_geometry(
    uint32_t slots, uint32_t modules);

/*
 * segment_lane_entries(geometry):
 * How many entries the lane has: a power of two with room for every record and
 * one more, so that it is never full and a reader finds where it begins.
 */
static inline uint64_t
segment_lane_entries(const struct segment_geometry *geometry)
{
	uint64_t count = 1;

	while (count <= geometry->records)
		count *= 2;
	return (count);
}

/*
 * segment_create(geometry, worker, incarnation, module_names, ret_fds):
 * Make both memfds, of their final size but without their memory, and the
 * read-only descriptor, and write the header: some microseconds.
 * ${module_names} has ${geometry->modules} names, cut to
 * SEGMENT_MODULE_NAME - 1 bytes. Returns 0, or -errno (-EINVAL: counts out of
 * range) with nothing left open. Master only.
 */
int segment_create(const struct segment_geometry *geometry, uint32_t worker,
    uint32_t incarnation, const char *const *module_names,
    struct segment_fds *ret_fds);

/*
 * segment_allocate(fds):
 * Have the kernel set all of the memory aside, so that no touch of it is ever
 * a SIGBUS. It takes milliseconds, so the master has its child do it, before
 * exec and so before anybody maps it. Returns 0 or -errno (-ENOSPC, -ENOMEM:
 * the memory isn't there).
 */
int segment_allocate(const struct segment_fds *fds);

/*
 * segment_seal(fds):
 * After the worker's MAPPED: no size change, no hole, no new writable mapping,
 * no more seals. Closes and clears fds->rw. Returns 0, or -errno (-ENOSPC: some
 * of its memory isn't allocated; it must not be mapped). Master only.
 */
int segment_seal(struct segment_fds *fds);

/*
 * segment_map_worker(fds, ret_segment):
 * Map the header read-only and the rest read-write, with MADV_DONTFORK, and
 * close all three descriptors. Returns 0, -errno, or -EPROTO when the header
 * isn't one of ours or leaves no room for our figures. Worker only, before any
 * module is loaded.
 */
int segment_map_worker(struct segment_fds *fds, struct segment *ret_segment);

/*
 * segment_map_reader(ro, ret_segment):
 * Map everything but the buffers read-only. The header is copied and checked
 * first (rules V1, V2); the descriptor stays open and the caller's. Returns 0,
 * -errno, or -EPROTO. Any process.
 */
int segment_map_reader(int ro, struct segment *ret_segment);

/*
 * segment_unmap(segment):
 * Undo either mapping and clear the view. A cleared view is fine.
 */
void segment_unmap(struct segment *segment);

/*
 * segment_module_name(segment, id, ret_name):
 * Copy module ${id}'s name (0 is the first), or "-" for an id that there
 * isn't. ${ret_name} has SEGMENT_MODULE_NAME bytes.
 */
void segment_module_name(
    const struct segment *segment, uint32_t id, char *ret_name);

/*
 * segment_buffer(segment, index):
 * The first byte of request buffer ${index}; the worker's view only.
 */
static inline uint8_t *
segment_buffer(const struct segment *segment, uint32_t index)
{
	return (
	    segment->buffers + (size_t)index * segment->geometry.buffer_size);
}

#endif
