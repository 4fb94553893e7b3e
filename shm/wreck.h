/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a dead worker's slots: for the master, who asks which request a
 * connection was in, and for the successor, who takes its bytes. The wreck
 * may hold anything: every word is loaded once and checked.
 */
#ifndef SHM_WRECK_H
#define SHM_WRECK_H

#include "shm/segment.h"
#include "shm/slot.h"

#include <stdbool.h>

/*
 * wreck_map_buffers(fd, geometry, ret_bytes, ret_size):
 * Map a wreck's request buffers read-only. Returns 0, -errno, or -EPROTO when
 * the memory isn't of that geometry or could still shrink.
 */
int wreck_map_buffers(int fd, const struct segment_geometry *geometry,
    const uint8_t **ret_bytes, size_t *ret_size);

/*
 * wreck_slot(wreck, slot, generation, ret_state, ret_request):
 * What the wreck says of a connection. False when it never had that
 * generation of the slot, or when what it says can't be: an unknown state, a
 * buffer that there isn't, an offset beyond it.
 */
bool wreck_slot(const struct segment *wreck, uint32_t slot, uint32_t generation,
    enum slot_state *ret_state, struct slot_request *ret_request);

/*
 * wreck_had(wreck, slot, generation): did it take that connection at all?
 */
bool wreck_had(const struct segment *wreck, uint32_t slot, uint32_t generation);

/*
 * wreck_names(wreck, request):
 * Was a callback of this request running on the thread that the worker died
 * of? If the wreck doesn't tell which, on any.
 */
bool wreck_names(const struct segment *wreck, uint64_t request);

/*
 * wreck_in_request(wreck): was any thread of it in a callback of a request?
 * False for one that never had a segment.
 */
bool wreck_in_request(const struct segment *wreck);

#endif
