/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads from worker memory. Runs in the master. Relaxed: a word stands for
 * itself alone, nothing is read because of it.
 */
#include "master/peek.h"

#include "shm/activity.h"

uint32_t
peek_load(const struct segment *view)
{
	if (view->consumer == NULL)
		return (0);
	return (
	    atomic_load_explicit(&view->consumer->load, memory_order_relaxed));
}

uint64_t
peek_activity(
    const struct segment *view, uint32_t thread, uint64_t *ret_since_ns)
{
	const struct activity *activity;

	if (view->consumer == NULL || thread >= SEGMENT_ACTIVITIES)
		return (0);
	activity = &view->consumer->activities[thread];
	*ret_since_ns =
	    atomic_load_explicit(&activity->since_ns, memory_order_relaxed);
	return (atomic_load_explicit(&activity->word, memory_order_relaxed));
}

int
peek_fatal(const struct segment *view)
{
	return (view->consumer == NULL ? -1 : activity_fatal(view->consumer));
}

bool
peek_sent(const struct segment *view)
{
	return (view->consumer != NULL && activity_was_sent(view->consumer));
}

bool
peek_is_blank(const struct segment *view)
{
	return (view->consumer == NULL ||
		atomic_load_explicit(&view->consumer->state,
		    memory_order_relaxed) == SEGMENT_CREATED);
}

void
peek_sight(const struct segment *view, struct watch_sight *ret_sight)
{
	const struct segment_consumer *consumer = view->consumer;

	*ret_sight = (struct watch_sight){ .asleep = true };
	if (consumer == NULL)
		return;
	ret_sight->asleep =
	    (atomic_load_explicit(&consumer->wake, memory_order_relaxed) & 1) !=
	    0;
	ret_sight->turn =
	    atomic_load_explicit(&consumer->turn, memory_order_relaxed);
	ret_sight->turn_ns =
	    atomic_load_explicit(&consumer->turn_ns, memory_order_relaxed);
}
