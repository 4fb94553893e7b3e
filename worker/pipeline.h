/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request pipeline: notifications in order, modules by priority in each.
 * A request is in one state (see request.h) and its next call is
 * request->call; everything here moves these two.
 *
 * Life of a request, step 6 of 11. Dispatch thread only.
 */
#ifndef WORKER_PIPELINE_H
#define WORKER_PIPELINE_H

#include "worker/request.h"

/* pipeline_start(request): its head is whole; the first notification. */
void pipeline_start(struct request *request);

/*
 * pipeline_refuse(request, status):
 * Answer ${status} without any module, and close the connection.
 */
void pipeline_refuse(struct request *request, unsigned status);

/*
 * pipeline_complete(request, pending):
 * An operation of the request has ended, with its result in ${pending}: give
 * it to the module that waits for it, keep it for one whose callback still
 * runs, or drop it for one that didn't wait.
 */
void pipeline_complete(struct request *request, struct pending *pending);

/* pipeline_sent(request, bytes, status): CONN_SENT of the final response. */
void pipeline_sent(struct request *request, int64_t bytes, int status);

/*
 * pipeline_expire(request):
 * It is parked for a post that hasn't come within its limit: name the module
 * and end the request.
 */
void pipeline_expire(struct request *request);

enum { PIPELINE_STEP = 64 };

/*
 * pipeline_step_here(ret_name):
 * The step whose callback runs on this thread, as shm/activity.h names it, for
 * the log. NULL between callbacks and on any thread but the dispatch thread.
 */
const char *pipeline_step_here(char ret_name[static PIPELINE_STEP]);

/*
 * pipeline_module_error(module, request, format, ...),
 * pipeline_module_error_about(module, request_id, text):
 * A module has broken a rule: log it with its name and count it. ${module}
 * and ${request} may be NULL, ${request_id} 0. Any thread.
 */
void pipeline_module_error(struct bh_registration *module,
    const struct request *request, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void pipeline_module_error_about(
    struct bh_registration *module, uint64_t request_id, const char *text);

#endif
