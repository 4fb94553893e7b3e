/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as the operator writes them.
 */
#include "master/address.h"
#include "tests/unit/master/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Parsed and printed again it reads ${expected}. */
static void
assert_reads(const char *text, const char *expected)
{
	struct address address;
	struct reason why;
	char again[ADDRESS_TEXT];

	assert_int_equal(address_parse(text, &address, &why), 0);
	address_format(&address.storage, address.length, again);
	assert_string_equal(again, expected);
}

static void
assert_refused(const char *text, const char *because)
{
	struct address address, untouched;
	struct reason why;

	memset(&address, 0x5a, sizeof(address));
	untouched = address;
	assert_int_equal(address_parse(text, &address, &why), -EINVAL);
	assert_memory_equal(&address, &untouched, sizeof(address));
	assert_non_null(strstr(why.text, because));
	assert_non_null(strstr(why.text, text));
}

static void
reads_every_form(void **state)
{
	(void)state;
	assert_reads("127.0.0.1:8080", "127.0.0.1:8080");
	assert_reads("0.0.0.0:0", "0.0.0.0:0");
	assert_reads("[::1]:8080", "[::1]:8080");
	assert_reads("[2001:DB8::1]:65535", "[2001:db8::1]:65535");
	assert_reads("[fe80::1%lo]:80", "[fe80::1%lo]:80");
	assert_reads(":8080", "[::]:8080");
	assert_reads("*:8080", "[::]:8080");
	assert_reads("unix:/run/a.sock", "unix:/run/a.sock");
	assert_reads("unix:relative:80", "unix:relative:80");
}

static void
tells_every_address_from_the_ipv6_one(void **state)
{
	struct address address;
	struct reason why;

	(void)state;
	assert_int_equal(address_parse(":80", &address, &why), 0);
	assert_true(address.any);
	assert_int_equal(address_parse("[::]:80", &address, &why), 0);
	assert_false(address.any);
}

static void
refuses_everything_else(void **state)
{
	static const char *const malformed[] = { "", "8080", "127.0.0.1",
		"localhost:80", "127.1:80", "127.0.0.1:", "127.0.0.1:http",
		"127.0.0.1: 80", "127.0.0.1:+80", "::1:80", "[::1]", "[::1",
		"[]:80", "[::1%nosuchif]:80", "[127.0.0.1]:80",
		"unix:", "1.2.3.4.5:80", "127.0.0.1:8x" };

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		assert_refused(malformed[i], "is not an address to listen on");
	assert_refused("127.0.0.1:65536", "too large");
	assert_refused("127.0.0.1:99999999999999999999", "too large");
}

static void
refuses_a_path_that_the_system_cannot_bind(void **state)
{
	struct address address;
	struct reason why;
	char text[256];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "unix:", 5);
	text[5 + 107] = '\0';
	assert_int_equal(address_parse(text, &address, &why), 0);
	text[5 + 107] = 'a';
	text[5 + 108] = '\0';
	assert_int_equal(address_parse(text, &address, &why), -EINVAL);
	assert_non_null(strstr(why.text, "107 bytes"));
}

static void
tells_a_mapped_peer_as_ipv4(void **state)
{
	struct sockaddr_storage storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	struct slot_peer peer;

	(void)state;
	memset(&storage, 0, sizeof(storage));
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(4711);
	assert_int_equal(
	    inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6->sin6_addr), 1);
	address_peer(&storage, &peer);
	assert_int_equal(peer.family, AF_INET);
	assert_int_equal(peer.port, 4711);
	assert_memory_equal(peer.address, "\xc0\x00\x02\x07", 4);
	assert_int_equal(
	    inet_pton(AF_INET6, "2001:db8::7", &in6->sin6_addr), 1);
	in6->sin6_scope_id = 3;
	address_peer(&storage, &peer);
	assert_int_equal(peer.family, AF_INET6);
	assert_int_equal(peer.scope, 3);
	assert_int_equal(peer.address[15], 7);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_form),
		cmocka_unit_test(tells_every_address_from_the_ipv6_one),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(refuses_a_path_that_the_system_cannot_bind),
		cmocka_unit_test(tells_a_mapped_peer_as_ipv4),
	};

	return (RUN_TESTS(argc, argv, tests));
}
