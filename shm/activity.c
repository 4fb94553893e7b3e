/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the steps that an activity word can tell of. Master, tools.
 */
#include "shm/activity.h"

#include <bsd/string.h>
#include <stdio.h>

/* The deterministic notifications in the order of their bits. */
static const char *const notifications[] = {
	"begin_request",
	"authenticate_request",
	"authorize_request",
	"resolve_request_cache",
	"map_request_handler",
	"acquire_request_state",
	"pre_execute_request_handler",
	"execute_request_handler",
	"release_request_state",
	"update_request_cache",
	"log_request",
	"end_request",
};

void
activity_step_name(uint32_t step, char *ret_name, size_t size)
{
	const size_t count = sizeof(notifications) / sizeof(notifications[0]);
	const uint32_t plain = step & ~(uint32_t)(ACTIVITY_ASYNC | ACTIVITY_OFFLOAD);

	if (step == ACTIVITY_LOADING)
		(void)strlcpy(ret_name, "register_module", size);
	else if (step == ACTIVITY_UNLOADING)
		(void)strlcpy(ret_name, "terminate", size);
	else if (step == ACTIVITY_DISPOSING)
		(void)strlcpy(ret_name, "dispose", size);
	else if (step == ACTIVITY_THREAD)
		(void)strlcpy(ret_name, "a thread of its own", size);
	else if (plain / 2 < count)
		(void)snprintf(ret_name, size, "%s%s%s%s",
		    step & ACTIVITY_OFFLOAD ? "offload of " : "",
		    step & ACTIVITY_ASYNC ? "async of " : "",
		    plain & 1 ? "post_" : "", notifications[plain / 2]);
	else
		(void)strlcpy(ret_name, "?", size);
}
