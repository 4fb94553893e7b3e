/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a request head: what those mean that say how to read the
 * rest, and finding the others. Runs in a worker: step 5 of a request's life,
 * and again in a successor over the bytes of a wreck.
 *
 * Pure functions. Values come from http_parse.c's pass: trimmed, and free of
 * control bytes but tabs.
 */
#include "worker/http_fields.h"

#include <string.h>

#include "worker/http_parse.h"
#include "worker/http_scan.h"

/* --- Fields that say how to read the rest ------------------------------ */

/* Next element of the comma list [at, end), trimmed; where to go on. */
static inline __attribute__((always_inline)) const uint8_t *
next_element(const uint8_t *at, const uint8_t *end, const uint8_t **ret_element,
    size_t *ret_length)
{
	const uint8_t *comma, *last;

	comma = memchr(at, ',', (size_t)(end - at));
	last = comma != NULL ? comma : end;
	while (at < last && (*at == ' ' || *at == '\t'))
		at++;
	*ret_element = at;
	end = last;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*ret_length = (size_t)(end - at);
	return (comma != NULL ? comma + 1 : NULL);
}

unsigned
http_fields_connection(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *element;
	size_t length;
	unsigned options = 0;

	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		if (SCAN_IS_WORD(element, length, "close"))
			options |= HTTP_OPTION_CLOSE;
		else if (SCAN_IS_WORD(element, length, "keep-alive"))
			options |= HTTP_OPTION_KEEP_ALIVE;
	}
	return (options);
}

/* A list of the same number, as RFC 9110, 8.6 lets us take it, or 400. */
int
http_fields_content_length(
    struct http_head *head, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *element;
	uint64_t value;
	size_t i, length;

	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		for (value = 0, i = 0; i < length; i++) {
			if (element[i] < '0' || element[i] > '9' ||
			    __builtin_mul_overflow(value, 10, &value) ||
			    __builtin_add_overflow(
				value, element[i] - '0', &value))
				return (400);
		}
		if (length == 0 || head->chunked ||
		    (head->has_length && value != head->content_length))
			return (400);
		head->has_length = true;
		head->content_length = value;
	}
	return (0);
}

/* Nothing may follow "chunked", which is the only coding that we know. */
int
http_fields_transfer_encoding(
    struct http_head *head, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *element;
	size_t length;

	if (head->minor == 0 || head->has_length)
		return (400);
	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		if (head->chunked || length == 0 ||
		    !scan_is(*element, SCAN_TOKEN))
			return (400);
		if (!SCAN_IS_WORD(element, length, "chunked"))
			return (501);
		head->chunked = true;
	}
	return (0);
}

int
http_fields_expect(
    struct http_head *head, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *element;
	size_t length;

	while (at != NULL) {
		at = next_element(at, end, &element, &length);
		if (!SCAN_IS_WORD(element, length, "100-continue"))
			return (417);
	}
	/* A client of HTTP/1.0 would take the 100 for the answer. */
	head->expect_continue = head->minor != 0;
	return (0);
}

/* --- What others ask --------------------------------------------------- */

static uint8_t
lower_case(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

const struct http_header *
http_find_header(const uint8_t *bytes, const struct http_head *head,
    const char *name, size_t name_length)
{
	const uint8_t *is;
	uint32_t i;
	size_t at;

	for (i = 0; i < head->header_count; i++) {
		if (head->headers[i].name.length != name_length)
			continue;
		is = bytes + head->headers[i].name.offset;
		for (at = 0; at < name_length; at++)
			if (lower_case(is[at]) != lower_case((uint8_t)name[at]))
				break;
		if (at == name_length)
			return (&head->headers[i]);
	}
	return (NULL);
}

bool
http_is_token(const char *text, size_t length)
{
	const uint8_t *at = (const uint8_t *)text;

	return (length > 0 && scan_token(at, at + length) == at + length);
}

bool
http_is_field_value(const char *text, size_t length)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + length;
	const struct scan_bounds bounds = scan_bounds(at, length);

	for (at = scan_value(bounds, at); at < end && *at == '\t';)
		at = scan_value(bounds, at + 1);
	return (at == end);
}
