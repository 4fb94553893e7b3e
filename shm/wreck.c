/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a wreck. Runs in the master and in successors.
 */
#include "shm/wreck.h"

#include "shm/activity.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int
wreck_map_buffers(int fd, const struct segment_geometry *geometry,
    const uint8_t **ret_bytes, size_t *ret_size)
{
	const size_t size = (size_t)geometry->buffers * geometry->buffer_size;
	struct stat status;
	void *bytes;
	int seals;

	if (fstat(fd, &status) == -1 || (seals = fcntl(fd, F_GET_SEALS)) == -1)
		return (-errno);
	/* Without this seal its owner could have us die of SIGBUS. */
	if (!(seals & F_SEAL_SHRINK) || status.st_size != (off_t)size)
		return (-EPROTO);
	bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return (-errno);
	*ret_bytes = bytes;
	*ret_size = size;
	return (0);
}

bool
wreck_had(const struct segment *wreck, uint32_t slot, uint32_t generation)
{
	return (slot < wreck->geometry.slots &&
		slot_generation(&wreck->slots[slot]) == generation);
}

bool
wreck_slot(const struct segment *wreck, uint32_t slot, uint32_t generation,
    enum slot_state *ret_state, struct slot_request *ret_request)
{
	uint32_t found;

	if (slot >= wreck->geometry.slots)
		return (false);
	*ret_state = slot_identity(&wreck->slots[slot], &found);
	if (found != generation || *ret_state == SLOT_STATES ||
	    !slot_get_request(&wreck->slots[slot], ret_request))
		return (false);
	return (ret_request->buffer <= wreck->geometry.buffers &&
		ret_request->offset <= wreck->geometry.buffer_size);
}

bool
wreck_names(const struct segment *wreck, uint64_t request)
{
	const int fatal = activity_fatal(wreck->consumer);
	uint64_t word, named;
	int i;

	for (i = 0; i < SEGMENT_ACTIVITIES; i++) {
		if (fatal != -1 && i != fatal)
			continue; /* it only ran beside the one that died */
		word = atomic_load_explicit(
		    &wreck->consumer->activities[i].word, memory_order_relaxed);
		if (activity_unpack(word, NULL, NULL, &named) &&
		    named == request)
			return (true);
	}
	return (false);
}

bool
wreck_in_request(const struct segment *wreck)
{
	uint64_t word, request;
	int i;

	if (wreck->consumer == NULL)
		return (false);
	for (i = 0; i < SEGMENT_ACTIVITIES; i++) {
		word = atomic_load_explicit(
		    &wreck->consumer->activities[i].word, memory_order_relaxed);
		if (activity_unpack(word, NULL, NULL, &request) && request != 0)
			return (true);
	}
	return (false);
}
