/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/admin/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum {
	NAME_MOST = 64
};

/* "" or ":" and digits. */
static bool
is_port(const char *text)
{
	return (*text == '\0' ||
		(*text == ':' && text[1] != '\0' &&
		    text[1 + strspn(text + 1, "0123456789")] == '\0'));
}

bool
host_is_local(const char *host)
{
	char name[NAME_MOST];
	struct in_addr address;
	size_t length;

	if (host == NULL)
		return (true);
	if (strncmp(host, "[::1]", 5) == 0)
		return (is_port(host + 5));
	length = strcspn(host, ":");
	if (length >= sizeof(name) || !is_port(host + length))
		return (false);
	memcpy(name, host, length);
	name[length] = '\0';
	if (strcasecmp(name, "localhost") == 0)
		return (true);
	return (inet_pton(AF_INET, name, &address) == 1 &&
		ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET);
}
