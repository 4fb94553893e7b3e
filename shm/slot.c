/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connection slots. The worker writes; a successor, the crash report and the
 * monitors read, and believe nothing that they haven't checked.
 */
#include "shm/slot.h"

#ifdef BULKHEAD_BARE /* here they are, unused */
#undef slot_set_state
#undef slot_set_request
#undef slot_set_text
#endif

#include "shm/base/panic.h"

#include <stddef.h>
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
write_words(struct slot_request *place, const struct slot_request *from)
{
	uint64_t *to = (uint64_t *)(void *)place;
	uint64_t word;
	size_t i;

	/* Several times a request: without a loop it is half as long. */
#pragma GCC unroll 8
	for (i = 0; i < REQUEST_WORDS; i++) {
		memcpy(&word, (const uint8_t *)from + i * sizeof(word),
		    sizeof(word));
		__atomic_store_n(&to[i], word, __ATOMIC_RELEASE);
	}
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
slot_adopt(struct conn_slot *slot, uint32_t generation, enum slot_state state,
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
	    &slot->ctl, ctl_pack(generation, state), memory_order_release);
}

void
slot_open(struct conn_slot *slot, uint32_t generation,
    const struct slot_peer *peer, uint64_t accepted_ns)
{
	const struct slot_request none = { .request = 0 };

	slot_adopt(slot, generation, SLOT_IDLE, peer, accepted_ns, &none);
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
slot_identity(const struct conn_slot *slot, uint32_t *ret_generation)
{
	/* Pairs with the release in slot_adopt(), slot_set_state(). */
	const uint64_t ctl =
	    atomic_load_explicit(&slot->ctl, memory_order_acquire);
	const uint64_t state = ctl & 0xff;

	*ret_generation = (uint32_t)(ctl >> 32);
	return (state < SLOT_STATES ? (enum slot_state)state : SLOT_STATES);
}

enum slot_state
slot_state(const struct conn_slot *slot)
{
	uint32_t generation;

	return (slot_identity(slot, &generation));
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
	uint32_t next;

	next = atomic_load_explicit(&slot->current, memory_order_relaxed) + 1;
	write_words(&slot->requests[next & 1], request);
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

void
slot_set_text(struct conn_slot *slot, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	uint64_t word;
	size_t i;

	/* Release: behind what said that the slot has no request. */
	for (i = 0; i < SLOT_TEXT_WORDS; i++, length -= sizeof(word)) {
		memcpy(&word, from + i * sizeof(word), sizeof(word));
		if (length < sizeof(word))
			break;
		atomic_store_explicit(
		    &slot->text[i], word, memory_order_release);
	}
	if (i == SLOT_TEXT_WORDS)
		return;
	/* Little endian: the first byte is the lowest. */
	word &= (UINT64_C(1) << length * 8) - 1;
	atomic_store_explicit(&slot->text[i], word, memory_order_release);
}

/* The words that have no order among themselves. */
static void
copy_text(const struct conn_slot *slot, char *ret_text)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < SLOT_TEXT_WORDS; i++) {
		word =
		    atomic_load_explicit(&slot->text[i], memory_order_acquire);
		memcpy(ret_text + i * sizeof(word), &word, sizeof(word));
	}
	ret_text[SLOT_TEXT_WORDS * sizeof(word)] = '\0';
}

static void
copy_waiting(const struct conn_slot *slot, struct slot_sight *ret_sight)
{
	const uint64_t waiting =
	    atomic_load_explicit(&slot->waiting, memory_order_acquire);

	ret_sight->waits = waiting >> 56 != 0;
	ret_sight->module = (uint32_t)(waiting >> 56) - 1;
	ret_sight->step = (uint32_t)(waiting >> 48) & 0xff;
	ret_sight->op = (uint16_t)waiting;
	ret_sight->waiting_ns =
	    atomic_load_explicit(&slot->waiting_ns, memory_order_acquire);
}

bool
slot_look(
    const struct conn_slot *slot, uint32_t number, struct slot_sight *ret_sight)
{
	uint64_t peer[sizeof(slot->peer) / sizeof(uint64_t)];
	const uint64_t *words = (const uint64_t *)(const void *)&slot->peer;
	uint32_t before, generation;
	size_t i;
	int tries;

	for (tries = 0; tries < READ_TRIES; tries++) {
		/* Pairs with the release in slot_set_request(). */
		before =
		    atomic_load_explicit(&slot->current, memory_order_acquire);
		ret_sight->state = slot_identity(slot, &generation);
		ret_sight->conn = conn_id_make(number, generation);
		/* Readers index names by it. */
		if (ret_sight->state == SLOT_FREE ||
		    ret_sight->state >= SLOT_STATES)
			return (false);
		for (i = 0; i < sizeof(peer) / sizeof(peer[0]); i++)
			peer[i] = __atomic_load_n(&words[i], __ATOMIC_ACQUIRE);
		memcpy(&ret_sight->peer, peer, sizeof(peer));
		ret_sight->accepted_ns =
		    __atomic_load_n(&slot->accepted_ns, __ATOMIC_ACQUIRE);
		ret_sight->active_ns = atomic_load_explicit(
		    &slot->active_ns, memory_order_acquire);
		ret_sight->served =
		    atomic_load_explicit(&slot->served, memory_order_acquire);
		copy_text(slot, ret_sight->text);
		copy_waiting(slot, ret_sight);
		if (slot_get_request(slot, &ret_sight->request) &&
		    atomic_load_explicit(
			&slot->current, memory_order_relaxed) == before &&
		    slot_generation(slot) == generation)
			return (true);
	}
	return (false);
}
