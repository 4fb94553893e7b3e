/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request and the response of a context [IHttpContext, IHttpRequest,
 * IHttpResponse]: everything that answers at once. What may have to wait is
 * in <bulkhead/async.h>.
 *
 * A context, its request and its response are valid from the request's first
 * callback to its last. The server notices a use after that, or from another
 * thread: the call is refused with -ESTALE or -EPERM (NULL, 0 or false where
 * there is no status), logged with the module's name, and harmless.
 *
 * A request whose response no module has touched is answered 404. The
 * response is out before the log notification: from there on it can't be
 * changed any more.
 */
#ifndef BULKHEAD_HTTP_H
#define BULKHEAD_HTTP_H

#include <bulkhead/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that aren't NUL-terminated. Valid until the request is over. */
struct bh_str {
	const char *data;
	size_t length;
};

/* A length that isn't known beforehand (a chunked body). */
#define BH_LENGTH_UNKNOWN UINT64_MAX

/* [GetRequest, GetResponse] Never NULL for a valid context. */
struct bh_request *bh_context_request(struct bh_context *context);
struct bh_response *bh_context_response(struct bh_context *context);

/*
 * bh_context_allocate(context, size):
 * [AllocateRequestMemory] Memory, aligned for any type, that lives until the
 * request is over. NULL when there is none.
 */
void *bh_context_allocate(struct bh_context *context, size_t size);

/*
 * bh_context_request_id(context): the number that log lines and crash reports
 * give this request; unique in the server's life.
 */
uint64_t bh_context_request_id(struct bh_context *context);

/*
 * bh_context_replays(context):
 * How often a worker has died with this request before: 0 for one that is
 * seen for the first time. What was done for it then may have been done.
 */
unsigned bh_context_replays(struct bh_context *context);

/*
 * bh_context_set_replayable(context, replayable):
 * Say whether this request may be begun again if a worker dies with it before
 * a byte of its response is out. Without a word of yours that is so for the
 * methods that HTTP calls idempotent. Returns 0, -ESTALE or -EPERM.
 */
int bh_context_set_replayable(struct bh_context *context, bool replayable);

/*
 * bh_context_response_headers_sent(context):
 * [GetResponseHeadersSent] From then on status and headers can't be changed.
 */
bool bh_context_response_headers_sent(struct bh_context *context);

/* The request line: "GET"; the target as sent; its path and its query (after
 * the '?', length 0 without one), undecoded; HTTP/1.minor. */
struct bh_str bh_request_method(struct bh_request *request);
struct bh_str bh_request_url(struct bh_request *request);
struct bh_str bh_request_path(struct bh_request *request);
struct bh_str bh_request_query(struct bh_request *request);
unsigned bh_request_http_minor(struct bh_request *request);

/*
 * bh_request_header(request, name, ret_value):
 * [GetHeader] The first header field ${name} (any case). Returns true when
 * there is one.
 */
bool bh_request_header(
    struct bh_request *request, const char *name, struct bh_str *ret_value);

/*
 * bh_request_header_at(request, index, ret_name, ret_value):
 * Field ${index} in the order of arrival; false beyond the last.
 */
bool bh_request_header_at(struct bh_request *request, size_t index,
    struct bh_str *ret_name, struct bh_str *ret_value);

/*
 * bh_request_remote_address(request, ret_port):
 * [GetRemoteAddress] The client's address as text ("192.0.2.1",
 * "2001:db8::1", "unix"); its port in *${ret_port} unless that is NULL.
 */
struct bh_str bh_request_remote_address(
    struct bh_request *request, uint16_t *ret_port);

/*
 * bh_request_remaining_entity_bytes(request):
 * [GetRemainingEntityBytes] Body bytes not yet read: 0 without a body,
 * BH_LENGTH_UNKNOWN for a chunked one until its end has been read.
 */
uint64_t bh_request_remaining_entity_bytes(struct bh_request *request);

/*
 * bh_response_clear(response):
 * [Clear] Forget body, headers and status. Returns 0, or -EALREADY when the
 * headers have been sent.
 */
int bh_response_clear(struct bh_response *response);

/*
 * bh_response_set_status(response, status, reason):
 * [SetStatus] 200 to 599 and its reason phrase, or NULL for the usual one.
 * Copied. Returns 0, -EINVAL or -EALREADY.
 */
int bh_response_set_status(
    struct bh_response *response, unsigned status, const char *reason);

/* [GetStatus] The status as it stands; 200 while nobody has set one. */
unsigned bh_response_status(struct bh_response *response);

/*
 * bh_response_set_header(response, name, value, replace):
 * [SetHeader] Add a header field, or replace all of that name. Copied. The
 * server frames the body and manages the connection: Transfer-Encoding is
 * refused, Content-Length is checked against what is written, and
 * `Connection: close` asks for the end of the connection. Returns 0, -EINVAL
 * (not a field name, or a value with CR, LF or NUL), -EALREADY, -ENOMEM, or
 * -E2BIG (more than 64 fields or 16 KiB).
 */
int bh_response_set_header(struct bh_response *response, const char *name,
    const char *value, bool replace);

/*
 * bh_response_delete_header(response, name): 0, -ENOENT or -EALREADY.
 */
int bh_response_delete_header(struct bh_response *response, const char *name);

/*
 * bh_response_disable_buffering(response):
 * [DisableBuffering] From now on a write is handed to the socket at once,
 * without a copy: see bh_response_write_entity_chunks().
 */
int bh_response_disable_buffering(struct bh_response *response);

/* [SetNeedDisconnect] Close the connection after this response. */
int bh_response_set_need_disconnect(struct bh_response *response);

/*
 * bh_response_reset_connection(response):
 * [ResetConnection] Reset the connection when the callback has returned: the
 * client sees an error, never an answer that looks complete. Return
 * BH_FINISH_REQUEST after it.
 */
int bh_response_reset_connection(struct bh_response *response);

#ifdef __cplusplus
}
#endif

#endif
