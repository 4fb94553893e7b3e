/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as http-parser reads it.
 */
#include "tests/fuzz/reading.h"

#include <http_parser.h>
#include <string.h>
#include <strings.h>

void
reading_reset(struct reading *reading)
{
	reading->verdict = INCOMPLETE;
	reading->error = 0;
	reading->why = "";
	reading->has_head = false;
	reading->in_value = false;
	reading->keep_alive = false;
	reading->major = 0;
	reading->minor = 0;
	reading->head_length = 0;
	reading->consumed = 0;
	reading->method.length = 0;
	reading->target.length = 0;
	reading->body.length = 0;
	reading->count = 0;
}

void
text_append(struct text *text, const char *bytes, size_t length)
{
	if (length > TEXT_MAX - text->length)
		length = TEXT_MAX - text->length;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

bool
text_is(const struct text *text, const char *expected)
{
	return (text->length == strlen(expected) &&
		strncasecmp(text->bytes, expected, text->length) == 0);
}

static int
on_url(http_parser *parser, const char *at, size_t length)
{
	text_append(&((struct reading *)parser->data)->target, at, length);
	return (0);
}

static int
on_field(http_parser *parser, const char *at, size_t length)
{
	struct reading *reading = parser->data;

	if (reading->has_head)
		return (0); /* a trailer */
	if (reading->in_value || reading->count == 0) {
		if (reading->count == FIELDS_MAX)
			return (1);
		reading->fields[reading->count].name.length = 0;
		reading->fields[reading->count].value.length = 0;
		reading->count++;
	}
	reading->in_value = false;
	text_append(&reading->fields[reading->count - 1].name, at, length);
	return (0);
}

static int
on_value(http_parser *parser, const char *at, size_t length)
{
	struct reading *reading = parser->data;

	if (reading->has_head)
		return (0);
	reading->in_value = true;
	text_append(&reading->fields[reading->count - 1].value, at, length);
	return (0);
}

static int
on_head(http_parser *parser)
{
	struct reading *reading = parser->data;
	const char *method;

	method = http_method_str((enum http_method)parser->method);
	text_append(&reading->method, method, strlen(method));
	reading->major = parser->http_major;
	reading->minor = parser->http_minor;
	reading->keep_alive = http_should_keep_alive(parser) != 0;
	reading->has_head = true;
	return (0);
}

static int
on_body(http_parser *parser, const char *at, size_t length)
{
	text_append(&((struct reading *)parser->data)->body, at, length);
	return (0);
}

static int
on_complete(http_parser *parser)
{
	((struct reading *)parser->data)->verdict = ACCEPTED;
	http_parser_pause(parser, 1);
	return (0);
}

void
reading_by_reference(
    const char *bytes, size_t length, struct reading *ret_reading)
{
	static const http_parser_settings settings = {
		.on_url = on_url,
		.on_header_field = on_field,
		.on_header_value = on_value,
		.on_headers_complete = on_head,
		.on_body = on_body,
		.on_message_complete = on_complete,
	};
	http_parser parser;

	reading_reset(ret_reading);
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = ret_reading;
	ret_reading->consumed =
	    http_parser_execute(&parser, &settings, bytes, length);
	if (ret_reading->verdict != ACCEPTED &&
	    HTTP_PARSER_ERRNO(&parser) != HPE_OK) {
		ret_reading->verdict = REFUSED;
		ret_reading->why = http_errno_name(HTTP_PARSER_ERRNO(&parser));
	}
}
