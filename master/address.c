/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing and printing of socket addresses. Runs in the master.
 */
#include "master/address.h"

#include <arpa/inet.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static int
malformed(const char *text, struct reason *why)
{
	return (reason_set(why, -EINVAL,
	    "'%s' is not an address to listen on; write 127.0.0.1:8080, "
	    "[::1]:8080, :8080 for every address, or unix:PATH",
	    text));
}

static int
parse_port(const char *text, const char *digits, in_port_t *ret_port,
    struct reason *why)
{
	const char *error;
	long long port;

	/* strtonum(3) would let blanks and a sign pass. */
	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return (malformed(text, why));
	port = strtonum(digits, 0, 65535, &error);
	if (error != NULL)
		return (reason_set(why, -EINVAL,
		    "the port of '%s' is %s; a port is 0 (any free one) to "
		    "65535",
		    text, error));
	*ret_port = htons((uint16_t)port);
	return (0);
}

static int
parse_unix(const char *path, struct address *address, struct reason *why)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->storage;

	if (*path == '\0')
		return (malformed("unix:", why));
	un->sun_family = AF_UNIX;
	if (strlcpy(un->sun_path, path, sizeof(un->sun_path)) >=
	    sizeof(un->sun_path))
		return (reason_set(why, -EINVAL,
		    "the socket path '%s' is longer than the %zu bytes that "
		    "the system allows",
		    path, sizeof(un->sun_path) - 1));
	address->length = (socklen_t)sizeof(*un);
	return (0);
}

/* ${host} is the text between the brackets. */
static int
parse_ipv6(char *host, struct sockaddr_in6 *in6)
{
	char *scope;

	scope = strchr(host, '%');
	if (scope != NULL) {
		*scope++ = '\0';
		in6->sin6_scope_id = if_nametoindex(scope);
		if (in6->sin6_scope_id == 0)
			return (-EINVAL);
	}
	in6->sin6_family = AF_INET6;
	return (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : -EINVAL);
}

static int
parse_host(char *host, in_port_t port, struct address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;
	size_t length = strlen(host);

	if (length == 0 || strcmp(host, "*") == 0) {
		address->any = true;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		address->length = (socklen_t)sizeof(*in6);
		return (0);
	}
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		in6->sin6_port = port;
		address->length = (socklen_t)sizeof(*in6);
		return (parse_ipv6(host + 1, in6));
	}
	in->sin_family = AF_INET;
	in->sin_port = port;
	address->length = (socklen_t)sizeof(*in);
	return (inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : -EINVAL);
}

int
address_parse(const char *text, struct address *ret_address, struct reason *why)
{
	struct address address;
	char host[ADDRESS_TEXT];
	char *colon;
	in_port_t port = 0;
	int error;

	memset(&address, 0, sizeof(address));
	if (strncmp(text, "unix:", 5) == 0) {
		error = parse_unix(text + 5, &address, why);
		if (error != 0)
			return (error);
		*ret_address = address;
		return (0);
	}
	if (strlcpy(host, text, sizeof(host)) >= sizeof(host))
		return (malformed(text, why));
	colon = strrchr(host, ':');
	if (colon == NULL)
		return (malformed(text, why));
	error = parse_port(text, text + (colon - host) + 1, &port, why);
	if (error != 0)
		return (error);
	*colon = '\0';
	if (parse_host(host, port, &address) != 0)
		return (malformed(text, why));
	*ret_address = address;
	return (0);
}

static void
format_ipv6(const struct sockaddr_in6 *in6, char *text)
{
	char host[INET6_ADDRSTRLEN];
	char scope[IF_NAMESIZE + 1] = "";

	(void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	if (in6->sin6_scope_id != 0) {
		scope[0] = '%';
		if (if_indextoname(in6->sin6_scope_id, scope + 1) == NULL)
			scope[0] = '\0';
	}
	(void)snprintf(text, ADDRESS_TEXT, "[%s%s]:%u", host, scope,
	    (unsigned)ntohs(in6->sin6_port));
}

void
address_format(
    const struct sockaddr_storage *storage, socklen_t length, char *ret_text)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
	const struct sockaddr_un *un = (const struct sockaddr_un *)storage;
	char host[INET_ADDRSTRLEN];
	size_t path;

	switch (storage->ss_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		(void)snprintf(ret_text, ADDRESS_TEXT, "%s:%u", host,
		    (unsigned)ntohs(in->sin_port));
		break;
	case AF_INET6:
		format_ipv6((const struct sockaddr_in6 *)storage, ret_text);
		break;
	case AF_UNIX:
		/* The path ends at its NUL or where the address does. */
		path = length > offsetof(struct sockaddr_un, sun_path)
			   ? length - offsetof(struct sockaddr_un, sun_path)
			   : 0;
		(void)snprintf(ret_text, ADDRESS_TEXT, "unix:%.*s",
		    (int)strnlen(un->sun_path, path), un->sun_path);
		break;
	default:
		(void)strlcpy(ret_text, "?", ADDRESS_TEXT);
		break;
	}
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return (a->length == b->length && a->any == b->any &&
		memcmp(&a->storage, &b->storage, a->length) == 0);
}

void
address_peer(const struct sockaddr_storage *storage, struct slot_peer *ret_peer)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;

	memset(ret_peer, 0, sizeof(*ret_peer));
	ret_peer->family = storage->ss_family;
	if (storage->ss_family == AF_INET) {
		ret_peer->port = ntohs(in->sin_port);
		memcpy(ret_peer->address, &in->sin_addr, 4);
	} else if (storage->ss_family == AF_INET6) {
		ret_peer->port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			ret_peer->family = AF_INET;
			memcpy(
			    ret_peer->address, &in6->sin6_addr.s6_addr[12], 4);
			return;
		}
		ret_peer->scope = in6->sin6_scope_id;
		memcpy(ret_peer->address, &in6->sin6_addr, 16);
	}
}

void
address_format_peer(const struct slot_peer *peer, char *ret_text)
{
	char text[INET6_ADDRSTRLEN];

	ret_text[0] = '\0';
	if (peer->family == AF_UNIX)
		(void)strlcpy(ret_text, "unix", ADDRESS_TEXT);
	else if (inet_ntop(peer->family, peer->address, text, sizeof(text)) !=
		 NULL)
		(void)snprintf(ret_text, ADDRESS_TEXT,
		    peer->family == AF_INET6 ? "[%s]:%u" : "%s:%u", text,
		    (unsigned)peer->port);
}
