/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connection slots. The worker writes; a successor, the crash report and the
 * monitors read, and believe nothing that they haven't checked.
 */
#include "shm/slot.h"

#include "shm/base/panic.h"

#include <string.h>

enum {
	REQUEST_WORDS = sizeof(struct slot_request) / sizeof(uint64_t),
	/* A living writer changes its request in microseconds, not loads. */
	READ_TRIES = 16,
};

static uint64_t
ctl_pack(uint32_t generation, enum slot_state state)
{
	return ((uint64_t)generation << 32 | (uint64_t)state);
}

/*
 * Words that a reader may be looking at are stored with release, so that
 * nothing of the copy is seen before the store of `current` that made the
 * place unused; pairs with the acquire loads of read_words(). Plain moves on
 * x86.
 */
static void
write_words(struct slot_request *place, const uint64_t *words)
{
	uint64_t *to = (uint64_t *)(void *)place;
	size_t i;

	for (i = 0; i < REQUEST_WORDS; i++)
		__atomic_store_n(&to[i], words[i], __ATOMIC_RELEASE);
}

static void
read_words(const struct slot_request *place, uint64_t *ret_words)
{
	const uint64_t *from = (const uint64_t *)(const void *)place;
	size_t i;

	for (i = 0; i < REQUEST_WORDS; i++)
		ret_words[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
}

void
slot_adopt(struct conn_slot *slot, uint32_t generation,
    const struct slot_peer *peer, uint64_t accepted_ns,
    const struct slot_request *request)
{
	slot->peer = *peer;
	slot->accepted_ns = accepted_ns;
	atomic_store_explicit(
	    &slot->active_ns, accepted_ns, memory_order_relaxed);
	atomic_store_explicit(&slot->served, 0, memory_order_relaxed);
	slot_set_request(slot, request);
	/* Last: pairs with the acquire in slot_state(), slot_generation(). */
	atomic_store_explicit(
	    &slot->ctl, ctl_pack(generation, SLOT_IDLE), memory_order_release);
}

void
slot_open(struct conn_slot *slot, uint32_t generation,
    const struct slot_peer *peer, uint64_t accepted_ns)
{
	const struct slot_request none = { .request = 0 };

	slot_adopt(slot, generation, peer, accepted_ns, &none);
}

void
slot_set_state(struct conn_slot *slot, enum slot_state state, uint64_t now_ns)
{
	bh_assert(state < SLOT_STATES);
	atomic_store_explicit(&slot->active_ns, now_ns, memory_order_relaxed);
	/* Pairs with the acquire in slot_state(), slot_generation(). */
	atomic_store_explicit(&slot->ctl,
	    ctl_pack(slot_generation(slot), state), memory_order_release);
}

enum slot_state
slot_state(const struct conn_slot *slot)
{
	uint64_t state;

	state = atomic_load_explicit(&slot->ctl, memory_order_acquire) & 0xff;
	return (state < SLOT_STATES ? (enum slot_state)state : SLOT_STATES);
}

uint32_t
slot_generation(const struct conn_slot *slot)
{
	return (
	    (uint32_t)(atomic_load_explicit(&slot->ctl, memory_order_acquire) >>
		       32));
}

void
slot_set_request(struct conn_slot *slot, const struct slot_request *request)
{
	uint64_t words[REQUEST_WORDS];
	uint32_t next;

	memcpy(words, request, sizeof(words));
	next = atomic_load_explicit(&slot->current, memory_order_relaxed) + 1;
	write_words(&slot->requests[next & 1], words);
	/* The switch; pairs with the acquire in slot_get_request(). */
	atomic_store_explicit(&slot->current, next, memory_order_release);
}

bool
slot_get_request(const struct conn_slot *slot, struct slot_request *ret_request)
{
	uint64_t words[REQUEST_WORDS];
	uint32_t current;
	int tries;

	for (tries = 0; tries < READ_TRIES; tries++) {
		/* Pairs with the release in slot_set_request(). */
		current =
		    atomic_load_explicit(&slot->current, memory_order_acquire);
		read_words(&slot->requests[current & 1], words);
		/*
		 * The writer comes back to this place only after it has moved
		 * `current` away from it; the acquire loads above keep this
		 * one behind them.
		 */
		if (atomic_load_explicit(
			&slot->current, memory_order_relaxed) != current)
			continue;
		memcpy(ret_request, words, sizeof(words));
		return (true);
	}
	return (false);
}
