/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The API's side of a response, as far as it answers at once. Contracts:
 * <bulkhead/http.h>.
 *
 * Life of a request, step 7 of 11: from the modules, to response.c.
 */
#include "worker/api.h"
#include "worker/response.h"

#include <bulkhead/http.h>

#include <errno.h>

BH_EXPORT int
bh_response_clear(struct bh_response *handle)
{
	struct request *request;
	int error;

	if ((error = api_request(handle, API_CALLER, &request)) != 0)
		return (error);
	return (response_clear(request));
}

BH_EXPORT int
bh_response_set_status(
    struct bh_response *handle, unsigned status, const char *reason)
{
	struct request *request;
	int error;

	if ((error = api_request(handle, API_CALLER, &request)) != 0)
		return (error);
	request->response.author = request->worker->running.module;
	return (response_set_status(request, status, reason));
}

BH_EXPORT unsigned
bh_response_status(struct bh_response *handle)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (0);
	return (request->response.status == 0 ? 200 : request->response.status);
}

BH_EXPORT int
bh_response_set_header(struct bh_response *handle, const char *name,
    const char *value, bool replace)
{
	struct request *request;
	int error;

	if ((error = api_request(handle, API_CALLER, &request)) != 0)
		return (error);
	return (response_set_header(request, name, value, replace));
}

BH_EXPORT int
bh_response_delete_header(struct bh_response *handle, const char *name)
{
	struct request *request;
	int error;

	if ((error = api_request(handle, API_CALLER, &request)) != 0)
		return (error);
	return (response_delete_header(request, name));
}

BH_EXPORT int
bh_response_disable_buffering(struct bh_response *handle)
{
	struct request *request;
	int error;

	if ((error = api_request(handle, API_CALLER, &request)) != 0)
		return (error);
	request->response.unbuffered = true;
	return (0);
}

BH_EXPORT int
bh_response_set_need_disconnect(struct bh_response *handle)
{
	struct request *request;
	int error;

	if ((error = api_request(handle, API_CALLER, &request)) != 0)
		return (error);
	request->response.close = true;
	return (0);
}

BH_EXPORT int
bh_response_reset_connection(struct bh_response *handle)
{
	struct request *request;
	int error;

	if ((error = api_request(handle, API_CALLER, &request)) != 0)
		return (error);
	request->response.reset = true;
	return (0);
}
