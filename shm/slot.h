/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connection slots: what a successor and the crash report must know of a
 * connection, written by the worker that owns it. Slot n with its generation
 * is the connection's name for life, the same in every segment.
 *
 *	FREE -> IDLE <-> READING -> HANDLING -> SENDING -> IDLE ...
 *	                    any of them -> CLOSING -> FREE
 */
#ifndef SHM_SLOT_H
#define SHM_SLOT_H

#include "shm/layout.h"

#include <stdbool.h>

enum slot_state {
	SLOT_FREE = 0,
	SLOT_IDLE,     /* between requests; no buffer */
	SLOT_READING,  /* part of a request head is in the buffer */
	SLOT_HANDLING, /* the request is in the pipeline */
	SLOT_SENDING,  /* all that is left is to write the answer */
	SLOT_CLOSING,  /* lingering, or being reset */
	SLOT_STATES
};

/* Name of a connection: generation:32 | slot:32. Never 0. */
typedef uint64_t conn_id;

static inline conn_id
conn_id_make(uint32_t slot, uint32_t generation)
{
	return ((uint64_t)generation << 32 | slot);
}
static inline uint32_t
conn_id_slot(conn_id id)
{
	return ((uint32_t)id);
}
static inline uint32_t
conn_id_generation(conn_id id)
{
	return ((uint32_t)(id >> 32));
}

/*
 * slot_open(slot, generation, peer, accepted_ns):
 * The connection is ours: IDLE. Worker only, as are all the writers below.
 */
void slot_open(struct conn_slot *slot, uint32_t generation,
    const struct slot_peer *peer, uint64_t accepted_ns);

/*
 * slot_adopt(slot, generation, state, peer, accepted_ns, request):
 * The same for a connection that comes from a wreck, its ${request} already
 * in our buffers, and in ${state} if it is only to be ended: a reader sees the
 * slot with both or not at all.
 */
void slot_adopt(struct conn_slot *slot, uint32_t generation,
    enum slot_state state, const struct slot_peer *peer, uint64_t accepted_ns,
    const struct slot_request *request);

/*
 * slot_set_state(slot, state, now_ns): the only setter of the state.
 */
void slot_set_state(
    struct conn_slot *slot, enum slot_state state, uint64_t now_ns);

/*
 * slot_state(slot), slot_generation(slot), slot_identity(slot,
 * ret_generation): any reader. The last is both, of one moment. A state that
 * there isn't is SLOT_STATES.
 */
enum slot_state slot_state(const struct conn_slot *slot);
uint32_t slot_generation(const struct conn_slot *slot);
enum slot_state slot_identity(
    const struct conn_slot *slot, uint32_t *ret_generation);

/*
 * slot_answer(status, module): the flags that tell a response's status and the
 * module that wrote it, or SEGMENT_MODULES_MAX: the server itself.
 */
static inline uint32_t
slot_answer(unsigned status, uint32_t module)
{
	return ((status & 1023) << SLOT_STATUS_AT | module << SLOT_MODULE_AT);
}
static inline unsigned
slot_answer_status(uint32_t flags)
{
	return (flags >> SLOT_STATUS_AT & 1023);
}
static inline uint32_t
slot_answer_module(uint32_t flags)
{
	return (flags >> SLOT_MODULE_AT);
}

/*
 * slot_set_request(slot, request):
 * Replace the current request's place as a whole by one store: a reader sees
 * the old or the new, even when we die in the middle.
 */
void slot_set_request(
    struct conn_slot *slot, const struct slot_request *request);

/*
 * slot_own_request(slot): the current place, for the owner, whom nobody
 * disturbs.
 */
static inline struct slot_request
slot_own_request(const struct conn_slot *slot)
{
	return (slot->requests[atomic_load_explicit(
				   &slot->current, memory_order_relaxed) &
			       1]);
}

/*
 * slot_get_request(slot, ret_request):
 * Copy the current place. For readers of a living or dead worker's segment.
 * False: `current` was torn by something that isn't ours.
 */
bool slot_get_request(
    const struct conn_slot *slot, struct slot_request *ret_request);

/*
 * What a request waits for: who is to be called with which operation.
 *
 *	module + 1 : 8 | step : 8 | 0 : 32 | operation : 16
 */
static inline uint64_t
slot_waiting_pack(uint32_t module, uint32_t step, uint16_t op)
{
	return ((uint64_t)((module + 1) & 0xff) << 56 |
		(uint64_t)(step & 0xff) << 48 | op);
}

/* slot_wait(slot, waiting, now_ns), slot_go_on(slot): the owner only. */
static inline void
slot_wait(struct conn_slot *slot, uint64_t waiting, uint64_t now_ns)
{
	atomic_store_explicit(&slot->waiting_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&slot->waiting, waiting, memory_order_relaxed);
}
static inline void
slot_go_on(struct conn_slot *slot)
{
	atomic_store_explicit(&slot->waiting, 0, memory_order_relaxed);
}

/*
 * slot_set_text(slot, bytes, length):
 * The request's method and target as sent, cut to what there is room for. To
 * be called before slot_set_request() tells of the request. There must be 7
 * more readable bytes behind: in a request there are, its version. The owner
 * only.
 */
void slot_set_text(struct conn_slot *slot, const void *bytes, size_t length);

/* What a monitor learns of a request. */
struct slot_sight {
	conn_id conn;
	enum slot_state state;
	struct slot_peer peer;
	struct slot_request request;
	uint64_t accepted_ns;
	uint64_t active_ns;
	uint64_t served;
	bool waits;      /* the next three say for what */
	uint32_t module; /* as an activity word's */
	uint32_t step;
	uint16_t op; /* operations.def; unchecked */
	uint64_t waiting_ns;
	char text[SLOT_TEXT_WORDS * sizeof(uint64_t) + 1]; /* any bytes */
};

/*
 * slot_look(slot, number, ret_sight):
 * Copy what the slot says now. False when it is free, in no state that there
 * is, or when it wouldn't stand still. Any reader, of a living worker or a
 * dead one; bounded.
 */
bool slot_look(const struct conn_slot *slot, uint32_t number,
    struct slot_sight *ret_sight);

/* Nobody can recover anything then: tests/bench/README.md. */
#ifdef BULKHEAD_BARE
#define slot_set_state(slot, state, now_ns) \
	((void)(slot), (void)(state), (void)(now_ns))
#define slot_set_request(slot, request) ((void)(slot), (void)(request))
#define slot_set_text(slot, bytes, length) \
	((void)(slot), (void)(bytes), (void)(length))
#define slot_wait(slot, waiting, now_ns) \
	((void)(slot), (void)(waiting), (void)(now_ns))
#define slot_go_on(slot) ((void)(slot))
#endif

#endif
