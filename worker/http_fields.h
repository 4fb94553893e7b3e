/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a request head: finding one, and what those mean that say how
 * to read the rest. Pure functions over bytes that stay where they are.
 */
#ifndef WORKER_HTTP_FIELDS_H
#define WORKER_HTTP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_head;
struct http_header;

/*
 * http_find_header(bytes, head, name, name_length):
 * The first header of that name (any case), or NULL.
 */
const struct http_header *http_find_header(const uint8_t *bytes,
    const struct http_head *head, const char *name, size_t name_length);

/* http_is_token(text, length): is it a token (RFC 9110) of >= 1 byte? */
bool http_is_token(const char *text, size_t length);

/* http_is_field_value(text, length): no byte that could end a header line? */
bool http_is_field_value(const char *text, size_t length);

/* --- For http_parse.c's pass ------------------------------------------- */

/* What Connection fields ask for, as bits. */
enum http_option {
	HTTP_OPTION_CLOSE = 1,
	HTTP_OPTION_KEEP_ALIVE = 2,
};

/*
 * Each of these takes the value [at, end) of one field, trimmed and free of
 * control bytes but tabs, and notes in ${head} what it says. They return 0 or
 * the status that refuses the head.
 */
int http_fields_content_length(
    struct http_head *head, const uint8_t *at, const uint8_t *end);

int http_fields_transfer_encoding(
    struct http_head *head, const uint8_t *at, const uint8_t *end);

int http_fields_expect(
    struct http_head *head, const uint8_t *at, const uint8_t *end);

/* http_fields_connection(at, end): the options that it asks for. */
unsigned http_fields_connection(const uint8_t *at, const uint8_t *end);

#endif
