/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What modules say of a response: status, headers, buffered body. How it gets
 * to the socket is in response_send.c.
 *
 * Life of a request, step 10 of 11.
 */
#include "worker/response.h"

#include "worker/http_fields.h"
#include "worker/http_status.h"
#include "worker/meter.h"
#include "worker/request.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes that a field takes beyond its name and value: ": " and CRLF. */
enum {
	HEADER_FRAMING = 4
};

void
response_init(struct response *response)
{
	memset(response, 0, offsetof(struct response, first_block));
	response->first_block = (struct response_block){ .size = RESPONSE_SMALL,
		.bytes = response->small_bytes };
	response->last_block = &response->first_block;
	response->output.iov = response->small_iov;
	response->output.capacity = RESPONSE_IOV_SMALL;
}

void
response_drop_body(struct response *response)
{
	struct response_block *block;

	while ((block = response->first_block.next) != NULL) {
		response->first_block.next = block->next;
		meter_free(block);
	}
	response->first_block.used = 0;
	response->last_block = &response->first_block;
	response->buffered = 0;
}

void
response_free(struct response *response)
{
	response_drop_body(response);
}

bool
response_is_bodiless(const struct request *request)
{
	return (request->head.method == HTTP_HEAD ||
		request->response.status == 204 ||
		request->response.status == 304);
}

int
response_clear(struct request *request)
{
	struct response *response = &request->response;

	if (response->headers_sent)
		return (-EALREADY);
	response_drop_body(response);
	response->status = 0;
	response->reason = NULL;
	response->header_count = response->headers_size = 0;
	response->length = response->taken = 0;
	response->has_length = response->has_date = response->has_server =
	    false;
	response->touched = response->complete = response->ended = false;
	return (0);
}

int
response_set_status(
    struct request *request, unsigned status, const char *reason)
{
	struct response *response = &request->response;

	if (response->headers_sent)
		return (-EALREADY);
	if (status < 200 || status > 599)
		return (-EINVAL);
	if (reason != NULL) {
		if (strlen(reason) > 256 ||
		    !http_is_field_value(reason, strlen(reason)))
			return (-EINVAL);
		reason = arena_copy(&request->arena, reason, strlen(reason));
		if (reason == NULL)
			return (-ENOMEM);
	}
	response->status = (uint16_t)status;
	response->reason = reason;
	response->touched = true;
	return (0);
}

/* Fields that the server acts upon; told by length before by letters. */
enum special {
	NOT_SPECIAL,
	CONNECTION,
	CONTENT_LENGTH,
	DATE,
	SERVER,
	TRANSFER_ENCODING,
};

static enum special
special_field(const char *name, size_t length)
{
	static const struct {
		const char *name;
		enum special special;
	} fields[] = {
		[4] = { "Date", DATE },
		[6] = { "Server", SERVER },
		[10] = { "Connection", CONNECTION },
		[14] = { "Content-Length", CONTENT_LENGTH },
		[17] = { "Transfer-Encoding", TRANSFER_ENCODING },
	};

	if (length >= sizeof(fields) / sizeof(fields[0]) ||
	    fields[length].name == NULL ||
	    strcasecmp(name, fields[length].name) != 0)
		return (NOT_SPECIAL);
	return (fields[length].special);
}

static bool
is_named(const struct response_header *header, const char *name, size_t length)
{
	return (header->name_length == length &&
		strcasecmp(header->name, name) == 0);
}

/* Take out all fields of that name. Returns whether there was one. */
static bool
remove_fields(struct response *response, const char *name, size_t length)
{
	struct response_header *header;
	uint32_t i, kept = 0;

	for (i = 0; i < response->header_count; i++) {
		header = &response->headers[i];
		if (is_named(header, name, length)) {
			response->headers_size -= header->name_length +
						  header->value_length +
						  HEADER_FRAMING;
			continue;
		}
		response->headers[kept++] = *header;
	}
	if (kept == response->header_count)
		return (false);
	response->header_count = kept;
	return (true);
}

int
response_delete_header(struct request *request, const char *name)
{
	struct response *response = &request->response;
	bool had_length = response->has_length;
	size_t length = strlen(name);

	if (response->headers_sent)
		return (-EALREADY);
	switch (special_field(name, length)) {
	case CONTENT_LENGTH:
		response->has_length = false;
		return (had_length ? 0 : -ENOENT);
	case DATE:
		response->has_date = false;
		break;
	case SERVER:
		response->has_server = false;
		break;
	default:
		break;
	}
	return (remove_fields(response, name, length) ? 0 : -ENOENT);
}

/*
 * Act upon a field of the server's own. Returns 1 when it isn't to be sent as
 * it is, 0 when it is, -EINVAL when it isn't a module's to set.
 */
static int
set_special(struct response *response, enum special special, const char *value)
{
	const char *error;
	long long length;

	switch (special) {
	case TRANSFER_ENCODING:
		return (-EINVAL);
	case CONNECTION:
		if (strcasecmp(value, "close") != 0)
			return (-EINVAL);
		response->close = true;
		return (1);
	case CONTENT_LENGTH:
		length = strtonum(value, 0, LLONG_MAX, &error);
		if (error != NULL || (uint64_t)length < response->taken)
			return (-EINVAL);
		response->has_length = true;
		response->length = (uint64_t)length;
		return (1);
	case DATE:
		response->has_date = true;
		return (0);
	case SERVER:
		response->has_server = true;
		return (0);
	case NOT_SPECIAL:
		break;
	}
	return (0);
}

/* Is there room for a field of that size, with those it replaces gone? */
static bool
has_room(const struct response *response, const char *name, size_t name_length,
    size_t size, bool replace)
{
	uint32_t count = response->header_count;
	size_t used = response->headers_size;
	uint32_t i;

	for (i = 0; replace && i < response->header_count; i++) {
		if (!is_named(&response->headers[i], name, name_length))
			continue;
		count--;
		used -= response->headers[i].name_length +
			response->headers[i].value_length + HEADER_FRAMING;
	}
	return (count < RESPONSE_HEADERS_MAX &&
		used + size <= RESPONSE_HEADERS_SIZE);
}

/* Nothing is changed until nothing can fail any more. */
int
response_set_header(
    struct request *request, const char *name, const char *value, bool replace)
{
	struct response *response = &request->response;
	struct response_header header;
	size_t name_length = strlen(name), value_length = strlen(value);
	int done;

	if (response->headers_sent)
		return (-EALREADY);
	if (!http_is_token(name, name_length) ||
	    !http_is_field_value(value, value_length))
		return (-EINVAL);
	if (name_length + value_length > RESPONSE_HEADERS_SIZE ||
	    !has_room(response, name, name_length,
		name_length + value_length + HEADER_FRAMING, replace))
		return (-E2BIG);
	header.name = arena_copy(&request->arena, name, name_length);
	header.value = arena_copy(&request->arena, value, value_length);
	if (header.name == NULL || header.value == NULL)
		return (-ENOMEM);
	done = set_special(response, special_field(name, name_length), value);
	if (done < 0)
		return (done);
	response->touched = true;
	if (done > 0)
		return (0);
	if (replace)
		(void)remove_fields(response, name, name_length);
	header.name_length = (uint32_t)name_length;
	header.value_length = (uint32_t)value_length;
	response->headers[response->header_count++] = header;
	response->headers_size +=
	    (uint32_t)(name_length + value_length + HEADER_FRAMING);
	return (0);
}

/* Room for ${need} more bytes behind the last block's. */
static struct response_block *
add_block(struct response *response, size_t need)
{
	struct response_block *block;
	size_t size = need > RESPONSE_BLOCK ? need : RESPONSE_BLOCK;

	if (size > SIZE_MAX - sizeof(*block) ||
	    (block = meter_malloc(sizeof(*block) + size)) == NULL)
		return (NULL);
	block->next = NULL;
	block->used = 0;
	block->size = size;
	block->bytes = (uint8_t *)(block + 1);
	response->last_block->next = block;
	return (block);
}

/* Append to the last block what fits. Returns how much did. */
static size_t
fill(struct response_block *block, const uint8_t *bytes, size_t length)
{
	size_t room = block->size - block->used;

	if (length > room)
		length = room;
	if (length > 0)
		memcpy(block->bytes + block->used, bytes, length);
	block->used += length;
	return (length);
}

int
response_copy(
    struct request *request, const struct bh_data_chunk *chunks, size_t count)
{
	struct response *response = &request->response;
	struct response_block *next = NULL;
	size_t room, total = 0, done, i;

	for (i = 0; i < count; i++)
		total += chunks[i].length;
	/* First the memory: afterwards nothing can fail. */
	room = response->last_block->size - response->last_block->used;
	if (total > room && (next = add_block(response, total - room)) == NULL)
		return (-ENOMEM);
	for (i = 0; i < count; i++) {
		done = fill(
		    response->last_block, chunks[i].buffer, chunks[i].length);
		if (done == chunks[i].length)
			continue;
		response->last_block = next;
		(void)fill(next, (const uint8_t *)chunks[i].buffer + done,
		    chunks[i].length - done);
	}
	response->buffered += total;
	return (0);
}

void
response_error(struct request *request, unsigned status)
{
	struct bh_data_chunk chunk = { .type = BH_CHUNK_MEMORY };
	char text[64];

	if (response_clear(request) != 0) {
		/* Part of another answer is out: the client must see that. */
		if (!request->response.finished)
			request->response.reset = true;
		return;
	}
	(void)response_set_status(request, status, NULL);
	(void)response_set_header(request, "Content-Type", "text/plain", true);
	if (status == 405)
		(void)response_set_header(request, "Allow",
		    "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH", true);
	chunk.length = (size_t)snprintf(
	    text, sizeof(text), "%u %s\n", status, http_reason(status));
	chunk.buffer = text;
	(void)response_copy(request, &chunk, 1);
}
