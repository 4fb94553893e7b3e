/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our request parser beside http-parser (Debian's libhttp-parser-dev), over
 * generated and mutated requests:
 *
 *  - what it refuses, we don't accept, but for what differences.c lists;
 *  - what both accept means the same: method, target, fields, keep-alive,
 *    body, and where the next request begins;
 *  - what we accept isn't unfinished for it: that would be smuggling;
 *  - what it accepts, we accept too, or one of the reasons in differences.c
 *    applies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>

#include "tests/fuzz/differences.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/reading.h"
#include "worker/http_body.h"
#include "worker/http_parse.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum {
	ROUNDS = 1000000,
	MS_MAX = 2000, /* fewer rounds where they are slow */
};

/* --- Our parser -------------------------------------------------------- */

static void
read_body(const char *bytes, size_t length, struct http_body *body,
    struct reading *reading)
{
	const uint8_t *data;
	size_t consumed, data_length;
	int r = 0;

	while (r == 0 && !http_body_done(body)) {
		r = http_body_next(body,
		    (const uint8_t *)bytes + reading->consumed,
		    length - reading->consumed, 7, &consumed, &data,
		    &data_length);
		if (r == -EBADMSG)
			break;
		text_append(&reading->body, (const char *)data, data_length);
		reading->consumed += consumed;
	}
	reading->error = r;
	reading->verdict = r == 0         ? ACCEPTED
			   : r == -EAGAIN ? INCOMPLETE
					  : REFUSED;
}

static void
read_by_us(const char *bytes, size_t length, struct reading *reading)
{
	struct http_head head;
	struct http_body body;
	size_t scanned = 0, i;

	reading_reset(reading);
	reading->error =
	    http_parse_head((const uint8_t *)bytes, length, &scanned, &head);
	if (reading->error != 0) {
		if (reading->error != -EAGAIN)
			reading->verdict = REFUSED;
		return;
	}
	text_append(&reading->method, bytes + head.method_name.offset,
	    head.method_name.length);
	text_append(
	    &reading->target, bytes + head.target.offset, head.target.length);
	reading->has_head = true;
	reading->keep_alive = head.keep_alive;
	reading->major = 1;
	reading->minor = head.minor;
	for (i = 0; i < head.header_count && i < FIELDS_MAX; i++) {
		reading->fields[i].name.length = 0;
		reading->fields[i].value.length = 0;
		text_append(&reading->fields[i].name,
		    bytes + head.headers[i].name.offset,
		    head.headers[i].name.length);
		text_append(&reading->fields[i].value,
		    bytes + head.headers[i].value.offset,
		    head.headers[i].value.length);
	}
	reading->count = i;
	reading->head_length = reading->consumed = head.length;
	http_body_init(&body, head.chunked, head.content_length);
	read_body(bytes, length, &body, reading);
}

/* --- Comparison -------------------------------------------------------- */

static void
print_pair(const struct pair *pair, const char *what)
{
	size_t i;

	print_message("%s\nours: %d, error %d, consumed %zu\n", what,
	    (int)pair->ours.verdict, pair->ours.error, pair->ours.consumed);
	print_message("theirs: %d, error %s, consumed %zu\n",
	    (int)pair->theirs.verdict, pair->theirs.why, pair->theirs.consumed);
	for (i = 0; i < pair->length; i++) {
		if (isprint((unsigned char)pair->bytes[i]))
			print_message("%c", pair->bytes[i]);
		else
			print_message("\\x%02x", (uint8_t)pair->bytes[i]);
		if (pair->bytes[i] == '\n')
			print_message("\n");
	}
	print_message("\n");
	fail_msg("%s", what);
}

static bool
same_text(const struct text *a, const struct text *b)
{
	return (a->length == b->length &&
		memcmp(a->bytes, b->bytes, a->length) == 0);
}

/* It leaves white space at the end of values. */
static void
trim(struct text *text)
{
	while (text->length > 0 && (text->bytes[text->length - 1] == ' ' ||
				       text->bytes[text->length - 1] == '\t'))
		text->length--;
}

/* A list other than these words with ", " between them? */
static bool
odd_list(const struct text *list)
{
	static const char *const words[] = { "close", "keep-alive", "upgrade",
		"x" };
	size_t at = 0, length, i;

	for (;;) {
		for (i = 0; i < COUNT(words); i++) {
			length = strlen(words[i]);
			if (length <= list->length - at &&
			    strncasecmp(list->bytes + at, words[i], length) ==
				0)
				break;
		}
		if (i == COUNT(words))
			return (true);
		at += length;
		if (at == list->length)
			return (false);
		if (list->length - at < 2 ||
		    memcmp(list->bytes + at, ", ", 2) != 0)
			return (true);
		at += 2;
	}
}

/* Is the word in that list? */
static bool
has_word(const struct text *list, const char *word)
{
	const size_t length = strlen(word);
	size_t i;

	for (i = 0; i + length <= list->length; i++) {
		if ((i == 0 || list->bytes[i - 1] == ' ') &&
		    strncasecmp(list->bytes + i, word, length) == 0 &&
		    (i + length == list->length ||
			list->bytes[i + length] == ','))
			return (true);
	}
	return (false);
}

/*
 * It takes Proxy-Connection for Connection, in HTTP/1.0 it lets keep-alive
 * win over close, and of odd lists it doesn't see every element: not after a
 * word that begins like one it knows, nor before a tab.
 */
static bool
same_keep_alive(const struct pair *pair)
{
	bool close = false;
	const struct field *field;
	size_t i;

	for (i = 0; i < pair->ours.count; i++) {
		field = &pair->theirs.fields[i];
		if (text_is(&field->name, "Proxy-Connection"))
			return (true);
		if (!text_is(&field->name, "Connection"))
			continue;
		if (odd_list(&field->value))
			return (true);
		close |= has_word(&field->value, "close");
	}
	if (pair->ours.minor == 0 && close)
		return (!pair->ours.keep_alive);
	return (pair->ours.keep_alive == pair->theirs.keep_alive);
}

static void
compare_readings(struct pair *pair)
{
	struct reading *ours = &pair->ours, *theirs = &pair->theirs;
	size_t i;

	if (!same_text(&ours->method, &theirs->method))
		print_pair(pair, "another method");
	if (!same_text(&ours->target, &theirs->target))
		print_pair(pair, "another target");
	if (ours->count != theirs->count)
		print_pair(pair, "other fields");
	if (!same_keep_alive(pair))
		print_pair(pair, "another idea of keep-alive");
	for (i = 0; i < ours->count; i++) {
		trim(&theirs->fields[i].value);
		if (!same_text(
			&ours->fields[i].name, &theirs->fields[i].name) ||
		    !same_text(
			&ours->fields[i].value, &theirs->fields[i].value))
			print_pair(pair, "another field");
	}
	if (!same_text(&ours->body, &theirs->body))
		print_pair(pair, "another body");
	if (ours->consumed != theirs->consumed)
		print_pair(pair, "another end");
}

static void
compare(struct pair *pair)
{
	read_by_us(pair->bytes, pair->length, &pair->ours);
	reading_by_reference(pair->bytes, pair->length, &pair->theirs);
	if (pair->ours.verdict == ACCEPTED && pair->theirs.verdict == ACCEPTED)
		compare_readings(pair);
	else if (pair->ours.verdict == ACCEPTED) {
		if (!differences_laxer(pair))
			print_pair(pair, "only we accept it");
	} else if (pair->theirs.verdict == ACCEPTED) {
		if (!differences_stricter(pair))
			print_pair(pair, "only we don't accept it");
	}
}

/* --- Requests ---------------------------------------------------------- */

static const char *const methods[] = { "GET", "GET", "GET", "HEAD", "POST",
	"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "MKCOL" };

static const char *const targets[] = { "/", "/index.html", "/a/b/c?d=e&f=g",
	"/?", "/a%20b", "/a?b?c", "*", "http://a/", "http://a:80/b?c",
	"https://a.example/", "http://[::1]:8/", "//a/b", "/~a/;b=c,d",
	"/0123456789012345678901234567890123456789?0123456789012345678901" };

static const char *const versions[] = { "HTTP/1.1", "HTTP/1.1", "HTTP/1.1",
	"HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0" };

static const char *const fields[] = { "Accept: */*\r\n",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko\r\n",
	"Connection: close\r\n", "Connection: keep-alive\r\n",
	"connection: x, close\r\n", "Connection: Upgrade, Keep-Alive\r\n",
	"X-Empty:\r\n", "X-Spaces: \t a  b \t\r\n", "X-Tab:\ta\tb\r\n",
	"x_odd!#$%&'*+-.^`|~: 1\r\n", "Expect: 100-continue\r\n",
	"Cookie: a=b; c=\"d\"\r\n", "Content-Type: text/plain\r\n",
	"X-Latin: \xe4\xf6\xfc\r\n", "Proxy-Connection: close\r\n",
	"Upgrade: websocket\r\n", "Accept-Encoding: gzip, deflate, br\r\n",
	"Transfer-Encoding: gzip, chunked\r\n", "Content-Length: 3\r\n",
	"Keep-Alive: timeout=5\r\n", "TE: trailers\r\n" };

static const char *const bodies[] = { "Content-Length: 0\r\n\r\n",
	"Content-Length: 5\r\n\r\nhello", "Content-Length: 3, 3\r\n\r\nabc",
	"content-length:  0010 \r\n\r\n0123456789",
	"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"transfer-encoding: Chunked\r\n\r\n"
	"3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0;c\r\nd: e\r\n\r\n",
	"Transfer-Encoding: chunked\r\n\r\n1a\r\nabcdefghijklmnopqrstuvwxyz"
	"\r\n00\r\nTrailer: x\r\nOther:\r\n\r\n" };

static const char *
choose(uint64_t *random, const char *const *from, size_t count)
{
	return (from[random_below(random, count)]);
}

#define CHOOSE(random, array) choose((random), (array), COUNT(array))

static size_t
add(char *text, size_t length, const char *more)
{
	memcpy(text + length, more, strlen(more));
	return (length + strlen(more));
}

static size_t
make_request(uint64_t *random, char *text)
{
	size_t length = 0, more = random_below(random, 5);

	if (random_below(random, 20) == 0)
		length = add(text, length, "\r\n");
	length = add(text, length, CHOOSE(random, methods));
	length = add(text, length, " ");
	length = add(text, length, CHOOSE(random, targets));
	length = add(text, length, " ");
	length = add(text, length, CHOOSE(random, versions));
	length = add(text, length, "\r\n");
	if (random_below(random, 20) != 0)
		length = add(text, length, "Host: example.com:80\r\n");
	while (more-- > 0)
		length = add(text, length, CHOOSE(random, fields));
	if (random_below(random, 3) == 0)
		length = add(text, length, CHOOSE(random, bodies));
	else
		length = add(text, length, "\r\n");
	if (random_below(random, 3) == 0)
		length = add(text, length, "GET /next HTTP/1.1\r\n\r\n");
	return (length);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static void
agrees_with_http_parser(void **state)
{
	static struct pair pair;
	static char text[TEXT_MAX];
	const int64_t end = now_ms() + MS_MAX;
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	unsigned round, verdicts[3][3] = { 0 };

	(void)state;
	pair.bytes = text;
	for (round = 0; round < ROUNDS; round++) {
		if (round % 256 == 0 && now_ms() > end)
			break;
		pair.length = make_request(&random, text);
		if (round % 4 != 0)
			pair.length = mutate(&random, (uint8_t *)text,
			    pair.length, sizeof(text) - 1);
		text[pair.length] = '\0';
		compare(&pair);
		verdicts[pair.ours.verdict][pair.theirs.verdict]++;
	}
	print_message("%u requests; both accepted %u, both refused %u, "
		      "only http-parser accepted %u, only we %u\n",
	    round, verdicts[ACCEPTED][ACCEPTED], verdicts[REFUSED][REFUSED],
	    verdicts[REFUSED][ACCEPTED] + verdicts[INCOMPLETE][ACCEPTED],
	    verdicts[ACCEPTED][REFUSED]);
	differences_print();
	assert_true(verdicts[ACCEPTED][ACCEPTED] > round / 10);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_http_parser),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
