/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request targets that don't begin with '/', and authorities, which the Host
 * field has too. Runs in a worker: step 5 of a request's life, and again in a
 * successor over the bytes of a wreck.
 *
 * Apart from the authority, ordinary requests need nothing of this.
 */
#include "worker/http_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "worker/http_scan.h"

enum {
	PORT_DIGITS = 5,
};

/* --- Authorities ------------------------------------------------------- */

/* [at, end) is what stands between '[' and ']'. */
static bool
is_ipv6(const uint8_t *at, const uint8_t *end)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	size_t length = (size_t)(end - at);

	if (length >= sizeof(text) || memchr(at, '\0', length) != NULL)
		return (false);
	memcpy(text, at, length);
	text[length] = '\0';
	return (inet_pton(AF_INET6, text, &address) == 1);
}

static bool
is_hex_digit(uint8_t byte)
{
	return ((byte >= '0' && byte <= '9') ||
		((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f'));
}

/* Past the address in brackets at ${at}, or NULL. */
static const uint8_t *
skip_address(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *bracket;

	bracket = memchr(at, ']', (size_t)(end - at));
	if (bracket == NULL || !is_ipv6(at + 1, bracket))
		return (NULL);
	return (bracket + 1);
}

/* Past the host name at ${at}. */
static SCAN_SELDOM const uint8_t *
skip_name(const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		if (scan_is(*at, SCAN_HOST))
			at++;
		else if (*at == '%' && end - at >= 3 && is_hex_digit(at[1]) &&
			 is_hex_digit(at[2]))
			at += 3;
		else
			break;
	}
	return (at);
}

bool
http_target_is_authority(
    struct scan_bounds bounds, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *host = at;
	unsigned digit, port = 0;

	/* What ends an authority isn't plain: the run can't pass ${end}. */
	at = scan_plain(bounds, at);
	if (at != end && *at != ':')
		at = *host == '[' ? skip_address(at, end) : skip_name(at, end);
	if (at == NULL || at == host)
		return (false);
	if (at == end)
		return (true);
	if (*at != ':')
		return (false);
	if (end - ++at > PORT_DIGITS)
		return (false);
	for (; at < end; at++) {
		digit = *at - (unsigned)'0';
		if (digit > 9)
			return (false);
		port = port * 10 + digit;
	}
	return (port <= UINT16_MAX);
}

/* --- Other forms than a path ------------------------------------------- */

/* Are the bytes from ${at} on the beginning of ${text}, or all of it? */
static bool
begins_like(const uint8_t *at, const uint8_t *end, const char *text)
{
	for (; at < end && *text != '\0'; at++, text++) {
		if (*at == (uint8_t)*text)
			continue;
		if (*at < 'A' || *at > 'Z' || (*at | 0x20) != (uint8_t)*text)
			return (false);
	}
	return (true);
}

/* The bytes before the authority of an absolute target, or -EAGAIN or 400. */
static int
scheme_length(const uint8_t *at, const uint8_t *end)
{
	static const char *const schemes[] = { "http://", "https://" };
	size_t i, length;

	for (i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		if (!begins_like(at, end, schemes[i]))
			continue;
		length = strlen(schemes[i]);
		if ((size_t)(end - at) < length)
			return (-EAGAIN);
		return ((int)length);
	}
	return (400);
}

SCAN_SELDOM int
http_target_check(
    const uint8_t *target, const uint8_t *end, enum http_method method)
{
	int r;

	if (*target != '*') {
		r = scheme_length(target, end);
		return (r == 400 || r == -EAGAIN ? r : 0);
	}
	if (method != HTTP_OPTIONS)
		return (400);
	if (end - target < 2)
		return (-EAGAIN);
	return (target[1] == ' ' ? 0 : 400);
}

SCAN_SELDOM const uint8_t *
http_target_split(struct scan_bounds bounds, const uint8_t *target,
    const uint8_t *end, const uint8_t **ret_authority)
{
	const uint8_t *authority, *path;

	authority = target + scheme_length(target, end);
	path = memchr(authority, '/', (size_t)(end - authority));
	if (path == NULL)
		path = end;
	if (!http_target_is_authority(bounds, authority, path))
		return (NULL);
	*ret_authority = authority;
	return (path);
}
