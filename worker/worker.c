/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose process and which thread this is, for the API functions that modules
 * call from anywhere.
 */
#include "worker/worker.h"

struct worker *worker_self;

static _Thread_local bool is_dispatch_thread;

void
worker_adopt(struct worker *worker)
{
	worker_self = worker;
	is_dispatch_thread = true;
}

bool
worker_on_dispatch_thread(void)
{
	return (is_dispatch_thread);
}
