/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaving (bulkheadctl drain): whoever sends us clients shall see that we are
 * about to go before we go. The server serves on as before, but says that it
 * isn't ready (the phase "leaving", so /ready answers 503); after a while it
 * stops as it does at SIGTERM.
 */
#ifndef MASTER_LEAVE_H
#define MASTER_LEAVE_H

#include "master/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct master;

struct leave {
	struct master *master;
	struct loop_timer timer;
	bool begun;
};

/* leave_init(leave, master): nothing is begun. */
void leave_init(struct leave *leave, struct master *master);

/*
 * leave_begin(leave, wait_ms):
 * Be not ready from now on, and stop after so long. Again: the new time counts.
 */
void leave_begin(struct leave *leave, uint64_t wait_ms);

/* leave_end(leave): the server stops, or is over. */
void leave_end(struct leave *leave);

#endif
