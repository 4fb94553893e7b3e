/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading activity words. Runs in the master.
 */
#include "master/culprit.h"

#include "master/master.h"
#include "master/peek.h"
#include "shm/activity.h"

#include <bsd/string.h>
#include <stdio.h>

static bool
read_thread(
    const struct segment *view, uint32_t thread, struct culprit *ret_culprit)
{
	struct culprit culprit = { .thread = thread };
	uint64_t word;

	word = peek_activity(view, thread, &culprit.since_ns);
	if (!activity_unpack(
		word, &culprit.module, &culprit.step, &culprit.request))
		return (false);
	segment_module_name(view, culprit.module, culprit.name);
	if (culprit.step != ACTIVITY_NONE)
		activity_step_name(
		    culprit.step, culprit.step_name, sizeof(culprit.step_name));
	*ret_culprit = culprit;
	return (true);
}

bool
culprit_find(
    const struct segment *view, uint32_t thread, struct culprit *ret_culprit)
{
	for (; thread < SEGMENT_ACTIVITIES; thread++)
		if (read_thread(view, thread, ret_culprit))
			return (true);
	return (false);
}

bool
culprit_find_dead(const struct worker *worker, struct culprit *ret_culprit)
{
	const struct segment *view = &worker->view;
	int fatal = peek_fatal(view);

	if (worker->choked)
		return (false);
	if (worker->hung)
		return (culprit_find_dispatching(view, ret_culprit));
	if (fatal != -1)
		return (read_thread(view, (uint32_t)fatal, ret_culprit));
	return (culprit_find(view, 0, ret_culprit));
}

bool
culprit_find_dispatching(
    const struct segment *view, struct culprit *ret_culprit)
{
	return (read_thread(view, 0, ret_culprit));
}

void
culprit_describe(const struct culprit *culprit, char *ret_text, size_t size)
{
	char request[64] = "";

	if (culprit->request != 0)
		(void)snprintf(request, sizeof(request), ", request %u-%u",
		    (unsigned)(culprit->request >> REQUEST_COUNT_BITS),
		    (unsigned)(culprit->request & UINT32_MAX));
	(void)snprintf(ret_text, size, " in module %s%s%s%s", culprit->name,
	    culprit->step_name[0] == '\0' ? "" : ", ", culprit->step_name,
	    request);
}
