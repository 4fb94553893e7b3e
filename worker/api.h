/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all API functions do first: is this handle a living request's, and is
 * this the dispatch thread? A module that breaks these rules is named.
 */
#ifndef WORKER_API_H
#define WORKER_API_H

#include "worker/request.h"

/*
 * api_request(handle, caller, ret_request):
 * ${handle} is a context, request or response as the module holds it;
 * ${caller} the address that called the API. Returns 0, -ESTALE or -EPERM,
 * the latter two logged.
 */
int api_request(
    const void *handle, const void *caller, struct request **ret_request);

/*
 * api_operation(handle, caller, async, ret_request):
 * The same for starting an operation: the request's own callback must be
 * running (-EPERM), and for an asynchronous one its module must have an
 * on_async_completion (-ENOTSUP).
 */
int api_operation(const void *handle, const void *caller, bool async,
    struct request **ret_request);

/* api_module(caller): the module that is calling, or NULL. Any thread. */
struct bh_registration *api_module(const void *caller);

#define API_CALLER __builtin_return_address(0)

#endif
