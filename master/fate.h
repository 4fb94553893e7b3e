/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of a dead worker's connections: how many met which fate, and
 * which ones. Only their next owner knows (worker/adopt.c); it says so when
 * it takes them, or the master ends them itself.
 */
#ifndef MASTER_FATE_H
#define MASTER_FATE_H

#include "shm/message.h"

#include <stddef.h>

enum fate {
	FATE_ADOPTED,  /* its client notices nothing */
	FATE_REPLAYED, /* its request was begun again */
	FATE_REFUSED,  /* answered 502 */
	FATE_CLOSED,   /* its answer was whole and the last: closed in order */
	FATE_RESET,    /* its answer was cut off, or nobody could tell */
	FATE_GONE,     /* the client itself had gone */
	FATE_SUCCESSOR_DIED, /* told in that one's report */
	FATES
};

enum {
	FATE_ENTRIES = 256 /* of a report; what is rare is kept */
};

struct fate_entry {
	uint32_t slot;
	uint32_t generation;
	struct slot_peer peer;
	enum fate fate;
};

struct fates {
	uint32_t counts[FATES];
	uint32_t untouched; /* only offered to it: go to another one */
	uint32_t waiting;   /* to be adopted, and nobody has said how */
	size_t count;
	size_t plain; /* entries before this aren't FATE_ADOPTED */
	struct fate_entry entries[FATE_ENTRIES];
};

/*
 * fate_tell(fates, fate, slot, generation, peer):
 * One connection's. It is counted; and listed, when there is room or one that
 * was only adopted gives up its place.
 */
void fate_tell(struct fates *fates, enum fate fate, uint32_t slot,
    uint32_t generation, const struct slot_peer *peer);

/* fate_name(fate): "adopted", as reports call it. */
const char *fate_name(enum fate fate);

/*
 * fate_of_taken(how, ret_fate):
 * What a successor's TAKEN says. False: it isn't one of enum taken_how.
 */
bool fate_of_taken(uint32_t how, enum fate *ret_fate);

#endif
