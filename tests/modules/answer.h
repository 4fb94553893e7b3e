/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the test modules share: answering with a line of text.
 */
#ifndef TESTS_MODULES_ANSWER_H
#define TESTS_MODULES_ANSWER_H

#include <bulkhead/async.h>
#include <bulkhead/http.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static inline bool path_is(struct bh_context *context, const char *path);
static inline enum bh_notification_status answer(
    struct bh_context *context, const char *format, ...) BH_PRINTF(2, 3);

static inline bool
path_is(struct bh_context *context, const char *path)
{
	struct bh_str asked;

	asked = bh_request_path(bh_context_request(context));
	return (asked.length == strlen(path) &&
		memcmp(asked.data, path, asked.length) == 0);
}

/* Give the whole response; what fails here shows in the client's answer. */
static inline enum bh_notification_status
answer(struct bh_context *context, const char *format, ...)
{
	struct bh_data_chunk chunk = { .type = BH_CHUNK_MEMORY };
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	chunk.buffer = text;
	chunk.length = strlen(text);
	(void)bh_response_clear(bh_context_response(context));
	(void)bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, false, false, NULL, NULL);
	return (BH_FINISH_REQUEST);
}

#endif
