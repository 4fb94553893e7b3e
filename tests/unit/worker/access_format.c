/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the access log: what they say, and that whatever a client sends
 * makes one line of printable text, and one JSON object of valid UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <sys/socket.h>

#include "worker/access_format.h"

static const struct access_time moment = { "20/Nov/2026:19:21:10 +0000",
	"2026-11-20T19:21:10Z" };
static const struct slot_peer ipv4 = { .family = AF_INET,
	.address = { 192, 0, 2, 255 } };

static char line[ACCESS_LINE_MAX + 1];

/* A request with that target and agent, in memory that ends where it does. */
struct sample {
	uint8_t *bytes;
	struct http_head head;
	struct access_entry entry;
};

static struct http_span
place(struct sample *sample, size_t *at, const void *bytes, size_t length)
{
	const struct http_span span = { (uint16_t)*at, (uint16_t)length };

	memcpy(sample->bytes + *at, bytes, length);
	*at += length;
	return (span);
}

static void
make(struct sample *sample, const void *target, size_t target_length,
    const void *agent, size_t agent_length)
{
	struct http_head *head = &sample->head;
	size_t at = 0;

	memset(sample, 0, sizeof(*sample));
	sample->bytes = malloc(3 + 10 + target_length + agent_length);
	assert_non_null(sample->bytes);
	head->minor = 1;
	head->method_name = place(sample, &at, "GET", 3);
	head->target = place(sample, &at, target, target_length);
	head->header_count = 1;
	head->headers[0].name = place(sample, &at, "User-Agent", 10);
	head->headers[0].value = place(sample, &at, agent, agent_length);
	sample->entry = (struct access_entry){
		.peer = &ipv4,
		.head = head,
		.bytes = sample->bytes,
		.status = 200,
		.sent = 161,
		.request = UINT64_C(3) << 32 | 17,
		.worker = 2,
		.module = "hello",
		.total_ns = 134999,
		.handle_ns = 120000,
		.send_ns = 14000,
	};
}

static const char *
combined(const struct access_entry *entry)
{
	size_t length = access_combined(entry, &moment, line);

	assert_in_range(length, 1, ACCESS_LINE_MAX);
	line[length] = '\0';
	return (line);
}

static const char *
json(const struct access_entry *entry)
{
	size_t length = access_json(entry, &moment, line);

	assert_in_range(length, 1, ACCESS_LINE_MAX);
	line[length] = '\0';
	return (line);
}

static void
a_line_of_each_format(void **state)
{
	struct sample sample;

	(void)state;
	make(&sample, "/x?a=b", 6, "curl", 4);
	assert_string_equal(combined(&sample.entry),
	    "192.0.2.255 - - [20/Nov/2026:19:21:10 +0000] "
	    "\"GET /x?a=b HTTP/1.1\" 200 161 \"-\" \"curl\" id=3-17 worker=2 "
	    "module=hello replays=0 end=whole us=134 read=0 handle=120 wait=0 "
	    "send=14\n");
	assert_string_equal(json(&sample.entry),
	    "{\"time\":\"2026-11-20T19:21:10Z\",\"client\":\"192.0.2.255\","
	    "\"method\":\"GET\",\"target\":\"/x?a=b\","
	    "\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":161,"
	    "\"referer\":null,\"user_agent\":\"curl\",\"id\":\"3-17\","
	    "\"worker\":2,\"module\":\"hello\",\"replays\":0,"
	    "\"end\":\"whole\",\"us\":134,\"read_us\":0,\"handle_us\":120,"
	    "\"wait_us\":0,\"send_us\":14}\n");
	free(sample.bytes);
}

static void
what_is_not_known_is_left_out(void **state)
{
	const struct slot_peer six = { .family = AF_INET6,
		.address = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	const struct slot_peer local = { .family = AF_UNIX };
	struct sample sample;

	(void)state;
	make(&sample, "/", 1, "a", 1);
	sample.entry.head = NULL;
	sample.entry.module = NULL;
	sample.entry.status = 0;
	sample.entry.end = ACCESS_NONE;
	sample.entry.total_ns = sample.entry.send_ns = ACCESS_UNKNOWN;
	sample.entry.peer = &six;
	assert_non_null(strstr(combined(&sample.entry), "2001:db8::1 - - ["));
	assert_non_null(strstr(line, "] \"-\" - 161 \"-\" \"-\" id=3-17 "));
	assert_non_null(strstr(line, " module=- replays=0 end=none us=- "));
	sample.entry.peer = &local;
	assert_non_null(strstr(json(&sample.entry), "\"client\":\"unix\""));
	assert_non_null(strstr(line, "\"method\":null,\"target\":null,"));
	assert_non_null(strstr(line, "\"status\":null,"));
	assert_non_null(strstr(line, "\"module\":null,"));
	assert_non_null(strstr(line, "\"us\":null,"));
	free(sample.bytes);
}

static void
nothing_ends_its_quotes(void **state)
{
	static const char agent[] = "a\"b\\c\td\x7f\xc3\xa9\xff\xc2\x85z";
	struct sample sample;

	(void)state;
	make(&sample, "/\" 200 1 \"", 10, agent, sizeof(agent) - 1);
	assert_non_null(strstr(
	    combined(&sample.entry), "\"GET /\\\" 200 1 \\\" HTTP/1.1\" 200 "));
	assert_non_null(strstr(
	    line, " \"a\\\"b\\\\c\\x09d\\x7f\\xc3\\xa9\\xff\\xc2\\x85z\" id="));
	assert_non_null(strstr(json(&sample.entry),
	    "\"user_agent\":\"a\\\"b\\\\c\\u0009d\\u007f\xc3\xa9\\u00ff"
	    "\\u00c2\\u0085z\","));
	free(sample.bytes);
}

static void
expect_one_printable_line(const char *text)
{
	const size_t length = strlen(text);
	size_t i;

	assert_int_equal(text[length - 1], '\n');
	for (i = 0; i < length - 1; i++)
		assert_in_range((uint8_t)text[i], ' ', 0x7e);
}

static void
expect_one_object(const char *text, uint64_t sent)
{
	json_error_t error;
	json_t *root =
	    json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	if (root == NULL)
		fail_msg("%s in %s", error.text, text);
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	/* What comes behind the client's words is still there. */
	assert_int_equal(
	    json_integer_value(json_object_get(root, "bytes")), sent);
	assert_non_null(json_object_get(root, "send_us"));
	json_decref(root);
}

/* Bytes of all kinds, the bad ones often. */
static size_t
noise(uint8_t *bytes, size_t most)
{
	static const uint8_t bad[] = { '"', '\\', '\n', 0, 0x1f, 0x7f, 0x80,
		0xc0, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f,
		0xf4, 0x90, 0xff };
	const size_t length = (size_t)rand() % most;
	size_t i;

	for (i = 0; i < length; i++)
		bytes[i] = rand() % 2 == 0 ? bad[(size_t)rand() % sizeof(bad)]
					   : (uint8_t)rand();
	return (length);
}

static void
noise_makes_one_line_and_one_object(void **state)
{
	static uint8_t target[9000], agent[9000];
	struct sample sample;
	size_t target_length, agent_length;
	int i;

	(void)state;
	srand(5);
	for (i = 0; i < 3000; i++) {
		target_length = noise(target, i % 50 == 0 ? 9000 : 60);
		agent_length = noise(agent, i % 70 == 0 ? 9000 : 60);
		make(&sample, target, target_length, agent, agent_length);
		expect_one_printable_line(combined(&sample.entry));
		expect_one_object(json(&sample.entry), 161);
		free(sample.bytes);
	}
}

/* The longest that there can be, all of it escaped. */
static void
what_is_too_long_is_cut(void **state)
{
	static uint8_t bytes[16000];
	struct sample sample;

	(void)state;
	memset(bytes, 0x01, sizeof(bytes));
	make(&sample, bytes, sizeof(bytes), bytes, sizeof(bytes));
	expect_one_object(json(&sample.entry), 161);
	assert_non_null(strstr(line, "\\u0001...\",\"protocol\""));
	assert_non_null(strstr(line, "\\u0001...\",\"id\""));
	expect_one_printable_line(combined(&sample.entry));
	free(sample.bytes);
	memset(bytes, 'x', sizeof(bytes));
	make(&sample, bytes, sizeof(bytes), bytes, sizeof(bytes));
	expect_one_object(json(&sample.entry), 161);
	expect_one_printable_line(combined(&sample.entry));
	assert_in_range(strlen(line), ACCESS_TARGET_MAX + ACCESS_FIELD_MAX,
	    ACCESS_TARGET_MAX + ACCESS_FIELD_MAX + 300);
	free(sample.bytes);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_each_format),
		cmocka_unit_test(what_is_not_known_is_left_out),
		cmocka_unit_test(nothing_ends_its_quotes),
		cmocka_unit_test(noise_makes_one_line_and_one_object),
		cmocka_unit_test(what_is_too_long_is_cut),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
