/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaving. Runs in the master.
 */
#include "master/leave.h"

#include "master/master.h"
#include "shm/base/log.h"

static void
leave_due(struct loop_timer *timer)
{
	struct leave *leave = timer->owner;

	server_stop(leave->master);
}

void
leave_init(struct leave *leave, struct master *master)
{
	leave->master = master;
	leave->timer.owner = leave;
	leave->timer.handle = leave_due;
	leave->begun = false;
}

void
leave_begin(struct leave *leave, uint64_t wait_ms)
{
	leave->begun = true;
	log_info("leaving: not ready any more, stopping in %g s",
	    (double)wait_ms / 1000);
	loop_timer_set(&leave->master->loop, &leave->timer, wait_ms);
}

void
leave_end(struct leave *leave)
{
	loop_timer_clear(&leave->master->loop, &leave->timer);
}
