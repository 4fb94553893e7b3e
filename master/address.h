/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as the operator writes them and as the log shows them.
 */
#ifndef MASTER_ADDRESS_H
#define MASTER_ADDRESS_H

#include "master/reason.h"
#include "shm/layout.h"

#include <stdbool.h>
#include <sys/socket.h>

/* "[ipv6%scope]:port", or "unix:" and a path. */
enum {
	ADDRESS_TEXT = 128
};

struct address {
	struct sockaddr_storage storage;
	socklen_t length;
	bool any; /* written as "" or "*": both families, on one socket */
};

/*
 * address_parse(text, ret_address, why):
 * Read 127.0.0.1:8080, [::1]:8080, :8080, *:8080 or unix:PATH. Names are not
 * looked up. Returns 0, or -EINVAL with the line in ${why}.
 */
int address_parse(
    const char *text, struct address *ret_address, struct reason *why);

/*
 * address_format(storage, length, ret_text):
 * The inverse. ${ret_text} has ADDRESS_TEXT bytes.
 */
void address_format(
    const struct sockaddr_storage *storage, socklen_t length, char *ret_text);

/* address_equal(a, b): were they written alike? */
bool address_equal(const struct address *a, const struct address *b);

/*
 * address_peer(storage, ret_peer):
 * A client's address as workers get it. One that came as IPv4 mapped into
 * IPv6 is told as IPv4, which is what it is.
 */
void address_peer(
    const struct sockaddr_storage *storage, struct slot_peer *ret_peer);

/*
 * address_format_peer(peer, ret_text):
 * "127.0.0.1:4711", "[::1]:4711", "unix", or "" for anything else.
 * ${ret_text} has ADDRESS_TEXT bytes.
 */
void address_format_peer(const struct slot_peer *peer, char *ret_text);

#endif
