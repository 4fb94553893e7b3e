/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 3 of a request's life: hand over. Each pool's queue is given to its
 * workers, many connections in one message when many wait, and
 * the workers' reports about them are followed if they are true.
 */
#ifndef MASTER_HANDOFF_H
#define MASTER_HANDOFF_H

#include "master/loop.h"
#include "shm/message.h"

enum {
	HANDOFF_RETRY_MS =
	    20, /* after a refusal, or when the system is short */
	HANDOFF_TELL_MS = 1000, /* the system is short for so long: say so */
};

struct master;
struct worker;

struct handoff {
	struct loop_timer retry;
	/* The kernel takes no message: since when, and when it last did so. */
	uint64_t short_ns; /* 0: it takes them */
	uint64_t refused_ns;
	uint64_t tell_ns; /* the next line is due when it has lasted so long */
};

void handoff_init(struct handoff *handoff, struct master *master);

/*
 * handoff_run(master):
 * Give away what is queued, as far as the workers can take it; the rest is
 * tried again when a socket has room or by the clock. When the server is
 * draining nobody can take anything any more, and what is queued is reset; so
 * it is in a pool that has gone without an heir.
 */
void handoff_run(struct master *master);

/*
 * handoff_report(worker, type, slots, count):
 * TAKEN, REFUSED, RELEASED or CLOSED of ${count} slots. What ${worker} doesn't
 * own in that generation is counted, logged once and otherwise ignored.
 */
void handoff_report(struct worker *worker, enum message_type type,
    const struct message_slot *slots, uint32_t count);

#endif
