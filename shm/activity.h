/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The activity word: who is running on a dispatch or offload thread. One
 * relaxed store before a callback and one after; whatever kills the process,
 * the word names module, step and request.
 *
 *	module + 1 : 8 | step : 8 | request : 48
 */
#ifndef SHM_ACTIVITY_H
#define SHM_ACTIVITY_H

#include "shm/layout.h"

#include <stdbool.h>

/*
 * The step: twice the notification's bit number, plus one for its post
 * variant (0 to 23 for the deterministic twelve), or one of these.
 */
enum activity_step {
	ACTIVITY_OFFLOAD = 0x20, /* or'ed in: on a thread of bh_offload() */
	ACTIVITY_ASYNC = 0x40,   /* or'ed in: inside on_async_completion */
	ACTIVITY_LOADING = 0x80,
	ACTIVITY_UNLOADING = 0x81,
	ACTIVITY_DISPOSING = 0x82,
	ACTIVITY_THREAD = 0x83, /* on a thread that the module has made */
	ACTIVITY_NONE = 0xff,
};

/* What `fatal` holds when no fault of this process's was the signal. */
#define ACTIVITY_FATAL_SENT UINT32_MAX

/*
 * A request's id: the worker's incarnation and a count, so that it is unique
 * while the master lives. Written "incarnation-count".
 */
enum {
	REQUEST_COUNT_BITS = 32,
	REQUEST_INCARNATION_BITS = 16
};

static inline uint64_t
request_id_make(uint32_t incarnation, uint32_t count)
{
	return ((uint64_t)(incarnation & 0xffff) << REQUEST_COUNT_BITS | count);
}

/*
 * A request's handle: what modules hold, and the token of its operations. It
 * names the same count, and the connection's slot; 0 is none.
 */
enum {
	REQUEST_SLOT_BITS = 24
};

static inline uint64_t
request_handle_make(uint32_t count, uint32_t slot)
{
	return ((uint64_t)count << REQUEST_SLOT_BITS | slot);
}
static inline uint32_t
request_handle_slot(uint64_t handle)
{
	return ((uint32_t)handle & ((1u << REQUEST_SLOT_BITS) - 1));
}
static inline uint64_t
request_handle_count(uint64_t handle)
{
	return (handle >> REQUEST_SLOT_BITS);
}

static inline uint64_t
activity_pack(uint32_t module, uint32_t step, uint64_t request)
{
	return ((uint64_t)((module + 1) & 0xff) << 56 |
		(uint64_t)(step & 0xff) << 48 |
		(request & UINT64_C(0xffffffffffff)));
}

/* activity_flag(flag): ACTIVITY_OFFLOAD or ACTIVITY_ASYNC at its place. */
static inline uint64_t
activity_flag(uint32_t flag)
{
	return ((uint64_t)flag << 48);
}

/* activity_unpack: false when the word says "nothing". Outputs may be NULL. */
static inline bool
activity_unpack(uint64_t word, uint32_t *ret_module, uint32_t *ret_step,
    uint64_t *ret_request)
{
	if (word >> 56 == 0)
		return (false);
	if (ret_module != NULL)
		*ret_module = (uint32_t)(word >> 56) - 1;
	if (ret_step != NULL)
		*ret_step = (uint32_t)(word >> 48) & 0xff;
	if (ret_request != NULL)
		*ret_request = word & UINT64_C(0xffffffffffff);
	return (true);
}

/*
 * activity_set(activity, word): returns the word before, to be restored after
 * the callback. The owning thread only.
 */
static inline uint64_t
activity_set(struct activity *activity, uint64_t word)
{
	uint64_t before;

#ifdef BULKHEAD_BARE
	return (0); /* tests/bench/README.md */
#endif
	before = atomic_load_explicit(&activity->word, memory_order_relaxed);
	atomic_store_explicit(&activity->word, word, memory_order_relaxed);
	return (before);
}

/*
 * activity_set_fatal(consumer, thread), activity_fatal(consumer):
 * Which thread a fatal signal has hit, or has called for the exit; said by the
 * dying process if it still can, so a wreck may not tell (-1) and a module may
 * lie.
 */
static inline void
activity_set_fatal(struct segment_consumer *consumer, uint32_t thread)
{
	atomic_store_explicit(
	    &consumer->fatal, thread + 1, memory_order_relaxed);
}

static inline int
activity_fatal(const struct segment_consumer *consumer)
{
	uint32_t fatal =
	    atomic_load_explicit(&consumer->fatal, memory_order_relaxed);

	return (fatal <= SEGMENT_ACTIVITIES ? (int)fatal - 1 : -1);
}

/*
 * activity_set_sent(consumer), activity_was_sent(consumer):
 * The signal that ends this process was sent by another one; told and to be
 * believed as above.
 */
static inline void
activity_set_sent(struct segment_consumer *consumer)
{
	atomic_store_explicit(
	    &consumer->fatal, ACTIVITY_FATAL_SENT, memory_order_relaxed);
}

static inline bool
activity_was_sent(const struct segment_consumer *consumer)
{
	return (atomic_load_explicit(&consumer->fatal, memory_order_relaxed) ==
		ACTIVITY_FATAL_SENT);
}

/*
 * activity_step_name(step, ret_name, size):
 * "begin_request", "post_map_request_handler", "async of begin_request",
 * "offload of begin_request", "register_module", or "?" for a step that there isn't.
 */
void activity_step_name(uint32_t step, char *ret_name, size_t size);

#endif
