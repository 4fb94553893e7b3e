/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeping what became of connections. Runs in the master.
 */
#include "master/fate.h"

static const char *const names[FATES] = {
	[FATE_ADOPTED] = "adopted",
	[FATE_REPLAYED] = "replayed",
	[FATE_REFUSED] = "answered_502",
	[FATE_CLOSED] = "closed",
	[FATE_RESET] = "reset",
	[FATE_GONE] = "client_gone",
	[FATE_SUCCESSOR_DIED] = "successor_died",
};

const char *
fate_name(enum fate fate)
{
	return (names[fate]);
}

bool
fate_of_taken(uint32_t how, enum fate *ret_fate)
{
	static const enum fate fates[TAKEN_HOWS] = {
		[TAKEN_QUIETLY] = FATE_ADOPTED,
		[TAKEN_REPLAYED] = FATE_REPLAYED,
		[TAKEN_REFUSED] = FATE_REFUSED,
		[TAKEN_CLOSED] = FATE_CLOSED,
		[TAKEN_RESET] = FATE_RESET,
		[TAKEN_GONE] = FATE_GONE,
	};

	if (how >= TAKEN_HOWS)
		return (false);
	*ret_fate = fates[how];
	return (true);
}

/* Where to write one that is worth more than those only adopted, or NULL. */
static struct fate_entry *
make_room(struct fates *fates, enum fate fate)
{
	if (fates->count < FATE_ENTRIES)
		return (&fates->entries[fates->count++]);
	if (fate == FATE_ADOPTED)
		return (NULL);
	while (fates->plain < FATE_ENTRIES &&
	       fates->entries[fates->plain].fate != FATE_ADOPTED)
		fates->plain++;
	return (
	    fates->plain < FATE_ENTRIES ? &fates->entries[fates->plain] : NULL);
}

void
fate_tell(struct fates *fates, enum fate fate, uint32_t slot,
    uint32_t generation, const struct slot_peer *peer)
{
	struct fate_entry *entry;

	fates->counts[fate]++;
	entry = make_room(fates, fate);
	if (entry == NULL)
		return;
	entry->slot = slot;
	entry->generation = generation;
	entry->peer = *peer;
	entry->fate = fate;
}
