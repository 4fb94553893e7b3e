/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our request parser beside http-parser (Debian's libhttp-parser-dev), over
 * generated and mutated requests:
 *
 *  - what it refuses, we don't accept, but for what we_may_be_laxer() lists;
 *  - what both accept means the same: method, target, fields, keep-alive,
 *    body, and where the next request begins;
 *  - what we accept isn't unfinished for it: that would be smuggling;
 *  - what it accepts, we accept too, or one of the reasons in stricter[]
 *    applies. Debian builds it without its strict mode, hence some of them.
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

/* --- Deliberate differences -------------------------------------------- */

/* One request: its bytes, and what the two made of it. */
struct pair {
	const char *bytes;
	size_t length;
	struct reading ours;
	struct reading theirs;
};

static bool
is_text(const struct text *text, const char *expected)
{
	return (text->length == strlen(expected) &&
		strncasecmp(text->bytes, expected, text->length) == 0);
}

static const struct text *
find(const struct reading *reading, const char *name, size_t *ret_count)
{
	const struct text *value = NULL;
	size_t i;

	*ret_count = 0;
	for (i = 0; i < reading->count; i++) {
		if (!is_text(&reading->fields[i].name, name))
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
		if (is_text(&pair->theirs.method,
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
	    !is_text(target, "*") || !is_text(&pair->theirs.method, "OPTIONS"));
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
	    count > 1 || pair->theirs.minor == 0 || !is_text(value, "chunked"));
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
	return (count > 1 || (count == 1 && !is_text(value, "100-continue")));
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

static bool
we_may_be_stricter(const struct pair *pair)
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

static bool
we_may_be_laxer(const struct pair *pair)
{
	return (same_length_twice(pair) || tab_after_framing(pair) ||
		longer_name(pair));
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
		if (is_text(&field->name, "Proxy-Connection"))
			return (true);
		if (!is_text(&field->name, "Connection"))
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
		if (!we_may_be_laxer(pair))
			print_pair(pair, "only we accept it");
	} else if (pair->theirs.verdict == ACCEPTED) {
		if (!we_may_be_stricter(pair))
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
	size_t i;

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
	for (i = 0; i < COUNT(stricter); i++)
		print_message("%6u %s\n", used[i], stricter[i].why);
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
