/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a dead worker had still to do, for its crash report: the operations
 * that were being dispatched, done but not dispatched, or in flight.
 */
#ifndef MASTER_OUTSTANDING_H
#define MASTER_OUTSTANDING_H

#include "master/connections.h"
#include "shm/ring.h"

enum {
	OUTSTANDING_EACH = 32, /* listed of each state; all are counted */
	OUTSTANDING_STATES = RECORD_DISPATCHING + 1,
};

enum outstanding_segment {
	OUTSTANDING_NONE = 0, /* it had no segment yet */
	OUTSTANDING_UNREAD,   /* there was no memory to read it with */
	OUTSTANDING_WHOLE,
	OUTSTANDING_CORRUPT, /* words in it can't be; they aren't followed */
};

struct outstanding_entry {
	enum record_state state;
	uint16_t op;         /* operations.def; below SEGMENT_OPERATIONS */
	uint16_t completer;  /* who completed it, or is to; 0: any */
	uint32_t slot;       /* of its connection; the wreck's word */
	uint32_t generation; /* 0: of none */
	bool known;          /* the connection is in our own table: */
	struct slot_peer peer;
	uint64_t request; /* 0: can't be told */
	int64_t bytes;    /* DONE and DISPATCHING: what its completer said */
	int32_t status;
};

struct outstanding {
	enum outstanding_segment segment;
	uint32_t violations;
	const char *violated; /* the rule that the first one broke, or NULL */
	uint64_t violated_at; /* and its place */
	uint32_t counts[OUTSTANDING_STATES];
	size_t count;
	struct outstanding_entry
	    entries[(OUTSTANDING_STATES - 1) * OUTSTANDING_EACH];
};

/*
 * outstanding_collect(view, table, owner, ret_outstanding):
 * Of the worker that is dead, says the kernel, and owned ${owner}'s
 * connections. ${view} may hold anything, or be cleared. Bounded by the
 * geometry.
 */
void outstanding_collect(const struct segment *view, struct connections *table,
    const struct connection_owner *owner, struct outstanding *ret_outstanding);

/* outstanding_state_name(state): "in_flight", as reports call it. */
const char *outstanding_state_name(enum record_state state);

#endif
