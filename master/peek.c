/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads from worker memory. Runs in the master. Relaxed: a word stands for
 * itself alone, nothing is read because of it.
 */
#include "master/peek.h"

uint32_t
peek_load(const struct segment *view)
{
	if (view->consumer == NULL)
		return (0);
	return (
	    atomic_load_explicit(&view->consumer->load, memory_order_relaxed));
}

uint64_t
peek_activity(const struct segment *view)
{
	if (view->consumer == NULL)
		return (0);
	return (atomic_load_explicit(
	    &view->consumer->activities[0].word, memory_order_relaxed));
}
