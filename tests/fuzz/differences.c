/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where our parser and http-parser differ on purpose: functions that know a
 * reason when they see it, and the table of them. Debian builds http-parser
 * without its strict mode, hence some of them.
 */
#include "tests/fuzz/differences.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "worker/http_parse.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct text *
find(const struct reading *reading, const char *name, size_t *ret_count)
{
	const struct text *value = NULL;
	size_t i;

	*ret_count = 0;
	for (i = 0; i < reading->count; i++) {
		if (!text_is(&reading->fields[i].name, name))
			continue;
		if (++*ret_count == 1)
			value = &reading->fields[i].value;
	}
	return (value);
}

static bool
contains(const struct text *text, const char *any)
{
	size_t i;

	for (i = 0; i < text->length; i++)
		if (text->bytes[i] != '\0' &&
		    strchr(any, text->bytes[i]) != NULL)
			return (true);
	return (false);
}

static bool
other_method(const struct pair *pair)
{
	int i;

	for (i = 0; i < HTTP_METHODS; i++)
		if (text_is(&pair->theirs.method,
			http_method_name((enum http_method)i)))
			return (false);
	return (true);
}

static bool
other_version(const struct pair *pair)
{
	return (pair->theirs.major != 1);
}

/* The end of line that isn't one, wherever it is in what was read. */
static bool
bare_line_feed(const struct pair *pair)
{
	size_t i;

	for (i = 0; i < pair->theirs.consumed; i++)
		if (pair->bytes[i] == '\n' &&
		    (i == 0 || pair->bytes[i - 1] != '\r'))
			return (true);
	return (false);
}

static bool
bare_carriage_return(const struct pair *pair)
{
	size_t i;

	for (i = 0; i < pair->theirs.consumed; i++)
		if (pair->bytes[i] == '\r' && i + 1 < pair->length &&
		    pair->bytes[i + 1] != '\n')
			return (true);
	return (false);
}

/* Is the request line anything but three parts, of which the last is good? */
static bool
odd_request_line(const struct pair *pair)
{
	const char *line = pair->bytes, *end, *space;

	while (*line == '\r' || *line == '\n')
		line++;
	end = strpbrk(line, "\r\n");
	if (end == NULL || end - line < 14 || memcmp(end, "\r\n", 2) != 0)
		return (true);
	space = memchr(line, ' ', (size_t)(end - line));
	if (space == NULL || space + 1 == end - 9 ||
	    memchr(space + 1, ' ', (size_t)(end - 9 - space - 1)) != NULL)
		return (true);
	return (memcmp(end - 9, " HTTP/", 6) != 0 || end[-2] != '.' ||
		!isdigit((unsigned char)end[-3]) ||
		!isdigit((unsigned char)end[-1]));
}

static bool
many_empty_lines(const struct pair *pair)
{
	return (pair->length > 8 &&
		memcmp(pair->bytes, "\r\n\r\n\r\n\r\n", 8) == 0);
}

static bool
folded_line(const struct pair *pair)
{
	size_t i;

	for (i = 0; i + 1 < pair->theirs.consumed; i++)
		if (pair->bytes[i] == '\n' &&
		    (pair->bytes[i + 1] == ' ' || pair->bytes[i + 1] == '\t'))
			return (true);
	return (false);
}

static bool
odd_target(const struct pair *pair)
{
	const struct text *target = &pair->theirs.target;
	size_t i;

	for (i = 0; i < target->length; i++)
		if (target->bytes[i] <= ' ' || target->bytes[i] > '~' ||
		    target->bytes[i] == '#')
			return (true);
	if (target->length > 0 && target->bytes[0] == '/')
		return (false);
	/* Userinfo, a bad port, another scheme, "*" without OPTIONS. */
	return (
	    !text_is(target, "*") || !text_is(&pair->theirs.method, "OPTIONS"));
}

static bool
odd_host(const struct pair *pair)
{
	const struct text *host;
	const char *port;
	size_t count;

	host = find(&pair->theirs, "Host", &count);
	if (count != 1)
		return (count > 1 || pair->theirs.minor > 0);
	if (host->length > 0 &&
	    (host->bytes[0] == ':' || contains(host, "/?@#[]\\\"<>{}|^`% \t")))
		return (true);
	port = memchr(host->bytes, ':', host->length);
	for (count = 0; port != NULL && ++port < host->bytes + host->length;) {
		count = count * 10 + (size_t)(*port - '0');
		if (!isdigit((unsigned char)*port) || count > UINT16_MAX)
			return (true);
	}
	for (count = 0; count < host->length; count++)
		if ((signed char)host->bytes[count] <= ' ')
			return (true);
	return (false);
}

static bool
space_in_a_name(const struct pair *pair)
{
	size_t i;

	for (i = 0; i < pair->theirs.count; i++)
		if (contains(&pair->theirs.fields[i].name, " "))
			return (true);
	return (false);
}

static bool
control_in_a_value(const struct pair *pair)
{
	const struct text *value;
	size_t i;

	for (i = 0; i < pair->theirs.count; i++) {
		value = &pair->theirs.fields[i].value;
		if (value->length > 0 && value->bytes[0] != '\t' &&
		    ((value->bytes[0] & 0xe0) == 0 || value->bytes[0] == 0x7f))
			return (true);
	}
	return (false);
}

static bool
odd_transfer_encoding(const struct pair *pair)
{
	const struct text *value;
	size_t count;

	value = find(&pair->theirs, "Transfer-Encoding", &count);
	if (count == 0)
		return (false);
	return (
	    count > 1 || pair->theirs.minor == 0 || !text_is(value, "chunked"));
}

static bool
odd_content_length(const struct pair *pair)
{
	const struct text *value;
	size_t count, i;

	value = find(&pair->theirs, "Content-Length", &count);
	if (count == 0)
		return (false);
	for (i = 0; i < value->length; i++)
		if (!isdigit((unsigned char)value->bytes[i]))
			return (true);
	return (value->length == 0);
}

static bool
odd_expectation(const struct pair *pair)
{
	const struct text *value;
	size_t count;

	value = find(&pair->theirs, "Expect", &count);
	return (count > 1 || (count == 1 && !text_is(value, "100-continue")));
}

/* Both understood the head, so it is the framing of chunks or trailers. */
static bool
odd_chunks(const struct pair *pair)
{
	return (pair->ours.error == -EBADMSG);
}

static const struct {
	const char *why;
	bool (*applies)(const struct pair *);
} stricter[] = {
	{ "a method that we don't serve: 501 or 405", other_method },
	{ "not HTTP/1: 505 or 400", other_version },
	{ "a request line of other parts than three", odd_request_line },
	{ "bare LF: two parsers may see different lines", bare_line_feed },
	{ "bare CR, which it doesn't look behind", bare_carriage_return },
	{ "more empty lines first than a confused client sends",
	    many_empty_lines },
	{ "obs-fold, deprecated by RFC 9112, 5.2", folded_line },
	{ "a target that isn't a URI or a form that isn't for us", odd_target },
	{ "Host missing, repeated or malformed: RFC 9112, 3.2", odd_host },
	{ "white space in a name: RFC 9112, 5.1", space_in_a_name },
	{ "a control byte first in a value, where it doesn't look",
	    control_in_a_value },
	{ "a coding other than chunked: 501; or with HTTP/1.0",
	    odd_transfer_encoding },
	{ "Content-Length that isn't digits", odd_content_length },
	{ "an expectation that we don't meet: 417", odd_expectation },
	{ "sloppy chunk lines, ends of chunks and trailers", odd_chunks },
};

static unsigned used[COUNT(stricter)];

bool
differences_stricter(const struct pair *pair)
{
	bool any = false;
	size_t i;

	for (i = 0; i < COUNT(stricter); i++) {
		if (!stricter[i].applies(pair))
			continue;
		used[i]++;
		any = true;
	}
	return (any);
}

/* RFC 9110, 8.6 allows to take the same length said twice as said once. */
static bool
same_length_twice(const struct pair *pair)
{
	const struct text *value;
	size_t count;

	value = find(&pair->ours, "Content-Length", &count);
	return (count > 1 || (count == 1 && contains(value, ",")));
}

/* White space is spaces and tabs, after any value: RFC 9110, 5.6.3. */
static bool
tab_after_framing(const struct pair *pair)
{
	static const char *const errors[] = { "HPE_INVALID_CONTENT_LENGTH",
		"HPE_INVALID_TRANSFER_ENCODING" };

	return ((strcmp(pair->theirs.why, errors[0]) == 0 ||
		    strcmp(pair->theirs.why, errors[1]) == 0) &&
		memchr(pair->bytes, '\t', pair->ours.head_length) != NULL);
}

/* It takes every name that begins so for Transfer-Encoding. */
static bool
longer_name(const struct pair *pair)
{
	static const char name[] = "Transfer-Encoding";
	size_t i;

	for (i = 0; i < pair->ours.count; i++)
		if (pair->ours.fields[i].name.length > sizeof(name) - 1 &&
		    strncasecmp(pair->ours.fields[i].name.bytes, name,
			sizeof(name) - 1) == 0)
			return (true);
	return (false);
}

bool
differences_laxer(const struct pair *pair)
{
	return (same_length_twice(pair) || tab_after_framing(pair) ||
		longer_name(pair));
}

void
differences_print(void)
{
	size_t i;

	for (i = 0; i < COUNT(stricter); i++)
		(void)printf("%6u %s\n", used[i], stricter[i].why);
}
