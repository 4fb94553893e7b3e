/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's state table, and what else is pure. Runs in the master.
 */
#include "master/supervise.h"

#include "shm/base/panic.h"

/* clang-format off */
#define STAY(state)       { WORKER_##state, SUPERVISE_NOTHING }
#define GO(state, action) { WORKER_##state, SUPERVISE_##action }
/* clang-format on */

/*
 * The table. A message that doesn't fit the state is nonsense, and so is a
 * worker that sends it. Every living process ends in DYING or by itself, and
 * DIED buries it in whatever state it was.
 */
static const struct supervise_step table[WORKER_STATES][WORKER_EVENTS] = {
	[WORKER_DOWN] = {
		[WORKER_START] = GO(BOOTING, SPAWN),
		[WORKER_STILLBORN] = STAY(DOWN),
		[WORKER_MAPPED] = STAY(DOWN),
		[WORKER_READY] = STAY(DOWN),
		[WORKER_FAILED] = STAY(DOWN),
		[WORKER_HUNG_UP] = STAY(DOWN),
		[WORKER_NONSENSE] = STAY(DOWN),
		[WORKER_TIMEOUT] = GO(BOOTING, SPAWN),
		[WORKER_HUNG] = STAY(DOWN),
		[WORKER_RETIRE] = STAY(DOWN),
		[WORKER_STOP] = GO(DOWN, CANCEL),
		[WORKER_KILL] = GO(DOWN, CANCEL),
		[WORKER_DIED] = STAY(DOWN),
	},
	[WORKER_BOOTING] = {
		[WORKER_START] = STAY(BOOTING),
		[WORKER_STILLBORN] = GO(DOWN, RETRY),
		[WORKER_MAPPED] = GO(LOADING, SEAL),
		[WORKER_READY] = GO(DYING, KILL),
		[WORKER_FAILED] = GO(DYING, LINGER),
		[WORKER_HUNG_UP] = GO(DYING, LINGER),
		[WORKER_NONSENSE] = GO(DYING, KILL),
		[WORKER_TIMEOUT] = GO(DYING, LATE),
		[WORKER_HUNG] = STAY(BOOTING),
		[WORKER_RETIRE] = STAY(BOOTING),
		[WORKER_STOP] = GO(DYING, KILL),
		[WORKER_KILL] = GO(DYING, KILL),
		[WORKER_DIED] = GO(DOWN, BURY),
	},
	[WORKER_LOADING] = {
		[WORKER_START] = STAY(LOADING),
		[WORKER_STILLBORN] = STAY(LOADING),
		[WORKER_MAPPED] = GO(DYING, KILL),
		[WORKER_READY] = GO(SERVING, SERVE),
		[WORKER_FAILED] = GO(DYING, LINGER),
		[WORKER_HUNG_UP] = GO(DYING, LINGER),
		[WORKER_NONSENSE] = GO(DYING, KILL),
		[WORKER_TIMEOUT] = GO(DYING, LATE),
		[WORKER_HUNG] = STAY(LOADING),
		[WORKER_RETIRE] = STAY(LOADING),
		[WORKER_STOP] = GO(DYING, KILL),
		[WORKER_KILL] = GO(DYING, KILL),
		[WORKER_DIED] = GO(DOWN, BURY),
	},
	[WORKER_SERVING] = {
		[WORKER_START] = STAY(SERVING),
		[WORKER_STILLBORN] = STAY(SERVING),
		[WORKER_MAPPED] = GO(DYING, KILL),
		[WORKER_READY] = GO(DYING, KILL),
		[WORKER_FAILED] = GO(DYING, KILL),
		[WORKER_HUNG_UP] = GO(DYING, LINGER),
		[WORKER_NONSENSE] = GO(DYING, KILL),
		[WORKER_TIMEOUT] = STAY(SERVING),
		[WORKER_HUNG] = GO(DYING, ABORT),
		[WORKER_RETIRE] = GO(RETIRING, RETIRE),
		[WORKER_STOP] = GO(DRAINING, DRAIN),
		[WORKER_KILL] = GO(DYING, KILL),
		[WORKER_DIED] = GO(DOWN, BURY),
	},
	[WORKER_RETIRING] = {
		[WORKER_START] = STAY(RETIRING),
		[WORKER_STILLBORN] = STAY(RETIRING),
		[WORKER_MAPPED] = GO(DYING, KILL),
		[WORKER_READY] = GO(DYING, KILL),
		[WORKER_FAILED] = GO(DYING, KILL),
		[WORKER_HUNG_UP] = GO(DYING, LINGER),
		[WORKER_NONSENSE] = GO(DYING, KILL),
		[WORKER_TIMEOUT] = GO(DYING, LATE),
		[WORKER_HUNG] = GO(DYING, ABORT),
		[WORKER_RETIRE] = STAY(RETIRING),
		[WORKER_STOP] = GO(DRAINING, DRAIN),
		[WORKER_KILL] = GO(DYING, KILL),
		[WORKER_DIED] = GO(DOWN, BURY),
	},
	[WORKER_DRAINING] = {
		[WORKER_START] = STAY(DRAINING),
		[WORKER_STILLBORN] = STAY(DRAINING),
		[WORKER_MAPPED] = GO(DYING, KILL),
		[WORKER_READY] = GO(DYING, KILL),
		[WORKER_FAILED] = GO(DYING, KILL),
		[WORKER_HUNG_UP] = GO(DYING, LINGER),
		[WORKER_NONSENSE] = GO(DYING, KILL),
		[WORKER_TIMEOUT] = GO(DYING, LATE),
		[WORKER_HUNG] = GO(DYING, ABORT),
		[WORKER_RETIRE] = STAY(DRAINING),
		[WORKER_STOP] = STAY(DRAINING),
		[WORKER_KILL] = GO(DYING, KILL),
		[WORKER_DIED] = GO(DOWN, BURY),
	},
	[WORKER_DYING] = {
		[WORKER_START] = STAY(DYING),
		[WORKER_STILLBORN] = STAY(DYING),
		[WORKER_MAPPED] = STAY(DYING),
		[WORKER_READY] = STAY(DYING),
		[WORKER_FAILED] = STAY(DYING),
		[WORKER_HUNG_UP] = STAY(DYING),
		[WORKER_NONSENSE] = STAY(DYING),
		[WORKER_TIMEOUT] = GO(DYING, KILL),
		[WORKER_HUNG] = STAY(DYING),
		[WORKER_RETIRE] = STAY(DYING),
		[WORKER_STOP] = STAY(DYING),
		[WORKER_KILL] = GO(DYING, KILL),
		[WORKER_DIED] = GO(DOWN, BURY),
	},
};

struct supervise_step
supervise_step(enum worker_state state, enum worker_event event)
{
	bh_assert(state < WORKER_STATES && event < WORKER_EVENTS);
	return (table[state][event]);
}

const char *
supervise_state_name(enum worker_state state)
{
	static const char *const names[WORKER_STATES] = {
		[WORKER_DOWN] = "down",
		[WORKER_BOOTING] = "booting",
		[WORKER_LOADING] = "loading",
		[WORKER_SERVING] = "serving",
		[WORKER_RETIRING] = "retiring",
		[WORKER_DRAINING] = "draining",
		[WORKER_DYING] = "dying",
	};

	return (state < WORKER_STATES ? names[state] : "?");
}

uint32_t
supervise_backoff(uint32_t quick_deaths)
{
	uint32_t ms = SUPERVISE_BACKOFF_MS;

	if (quick_deaths <= 1)
		return (0);
	for (uint32_t i = 2; i < quick_deaths; i++) {
		ms *= 2;
		if (ms >= SUPERVISE_BACKOFF_MAX_MS)
			return (SUPERVISE_BACKOFF_MAX_MS);
	}
	return (ms);
}
