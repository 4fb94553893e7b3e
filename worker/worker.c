/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose process and which thread this is, for the API functions that modules
 * call from anywhere.
 */
#include "worker/worker.h"

#include "worker/meter.h"

struct worker *worker_self;

_Thread_local bool worker_is_dispatch_thread;
_Thread_local struct activity *worker_thread_activity;

void
worker_adopt(struct worker *worker)
{
	worker_self = worker;
	worker_is_dispatch_thread = true;
	meter_init();
}
