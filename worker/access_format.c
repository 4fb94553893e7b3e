/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the access log. What a client sent stands between quotes, and
 * nothing of it can end them or the line.
 *
 * Life of a request, step 11 of 11: from access_log.c.
 */
#include "worker/access_format.h"

#include "shm/activity.h"
#include "shm/line_log.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
	ESCAPE_MAX = 6,  /* bytes of the longest form of one: \u00NN */
	OURS_MAX = 1024, /* everything that isn't a client's text */
	/* Behind this no escapes are written, only what is plain. */
	CLIENTS_END = ACCESS_LINE_MAX - OURS_MAX - 2 * (ACCESS_FIELD_MAX + 16),
};
_Static_assert(OURS_MAX + ESCAPE_MAX * ACCESS_TARGET_MAX < CLIENTS_END,
    "a target is never cut for want of room");

/* A line being written. */
struct writer {
	char *at;
	const char *end; /* of what clients' texts may fill */
};

/* Inlined: nearly all lengths are constants. */
static inline __attribute__((always_inline)) void
put(struct writer *writer, const char *text, size_t length)
{
	memcpy(writer->at, text, length);
	writer->at += length;
}

#define PUT(writer, literal) put((writer), (literal), sizeof(literal) - 1)

/* "00" to "99". */
#define TENS(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"
static const char pairs[] = TENS("0") TENS("1") TENS("2") TENS("3") TENS("4")
    TENS("5") TENS("6") TENS("7") TENS("8") TENS("9");

static void
put_large(struct writer *writer, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	for (; number >= 100; number /= 100)
		memcpy(digits + (at -= 2), pairs + 2 * (number % 100), 2);
	memcpy(digits + (at -= 2), pairs + 2 * number, 2);
	at += digits[at] == '0';
	put(writer, digits + at, sizeof(digits) - at);
}

/* Most have a digit or two, and hardly one more than four. */
static inline void
put_number(struct writer *writer, uint64_t number)
{
	if (number < 10) {
		*writer->at++ = (char)('0' + number);
	} else if (number < 100) {
		put(writer, pairs + 2 * number, 2);
	} else if (number < 1000) {
		*writer->at++ = (char)('0' + number / 100);
		put(writer, pairs + 2 * (number % 100), 2);
	} else if (number < 10000) {
		put(writer, pairs + 2 * (number / 100), 2);
		put(writer, pairs + 2 * (number % 100), 2);
	} else {
		put_large(writer, number);
	}
}

static void
put_hex(struct writer *writer, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";

	*writer->at++ = digits[byte >> 4];
	*writer->at++ = digits[byte & 15];
}

/* --- What clients sent ------------------------------------------------- */

#define ONES UINT64_C(0x0101010101010101)
#define TOPS (ONES << 7)

/* Eight bytes at once: is none a control, a quote, '\' or beyond ASCII? */
static inline bool
are_plain(uint64_t word)
{
	const uint64_t quote = word ^ ONES * '"';
	const uint64_t slash = word ^ ONES * '\\';
	const uint64_t delete = word ^ ONES * 0x7f;

	return ((((word - ONES * ' ') | (quote - ONES) | (slash - ONES) |
		     (delete - ONES) | word) &
		    TOPS) == 0);
}

static inline bool
is_plain(uint8_t byte)
{
	return (byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\');
}

/*
 * The last ${length} < 8 bytes at once, if they are plain: by two loads that
 * overlap, as stores do then.
 */
static inline bool
put_plain_end(struct writer *writer, const uint8_t *bytes, size_t length)
{
	uint32_t first = 0, last = 0;
	uint16_t half[2] = { 0, 0 };

	if (length >= 4) {
		memcpy(&first, bytes, 4);
		memcpy(&last, bytes + length - 4, 4);
		if (!are_plain((uint64_t)first << 32 | last))
			return (false);
		memcpy(writer->at, &first, 4);
		memcpy(writer->at + length - 4, &last, 4);
	} else if (length >= 2) {
		memcpy(&half[0], bytes, 2);
		memcpy(&half[1], bytes + length - 2, 2);
		if (!are_plain((uint64_t)ONES * ' ' << 32 |
			       (uint32_t)half[0] << 16 | half[1]))
			return (false);
		memcpy(writer->at, &half[0], 2);
		memcpy(writer->at + length - 2, &half[1], 2);
	} else if (length == 1) {
		if (!is_plain(*bytes))
			return (false);
		*writer->at = (char)*bytes;
	}
	writer->at += length;
	return (true);
}

/* Write the run of plain bytes at the front. Returns its length. */
static inline size_t
put_plain(struct writer *writer, const uint8_t *bytes, size_t length)
{
	uint64_t word;
	size_t at = 0;

	for (; at + sizeof(word) <= length; at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		if (!are_plain(word))
			break;
		put(writer, (const char *)&word, sizeof(word));
	}
	if (length - at < sizeof(word) &&
	    put_plain_end(writer, bytes + at, length - at))
		return (length);
	for (; at < length && is_plain(bytes[at]); at++)
		*writer->at++ = (char)bytes[at];
	return (at);
}

/* One character that isn't plain. Returns how many bytes it has. */
static size_t
put_other(struct writer *writer, const uint8_t *bytes, size_t length, bool json)
{
	size_t count = line_log_character(bytes, length);

	if (*bytes == '"' || *bytes == '\\') {
		*writer->at++ = '\\';
		*writer->at++ = (char)*bytes;
		return (1);
	}
	if (json && count > 1) {
		put(writer, (const char *)bytes, count);
		return (count);
	}
	if (json)
		PUT(writer, "\\u00");
	else
		PUT(writer, "\\x");
	put_hex(writer, *bytes);
	return (1);
}

/* A client's text, at most ${most} bytes of it; one that is cut ends so: ... */
static void
put_text(struct writer *writer, const uint8_t *bytes, size_t length,
    size_t most, bool json)
{
	const bool cut = length > most;
	size_t at = 0;

	if (cut)
		length = most;
	for (;;) {
		at += put_plain(writer, bytes + at, length - at);
		if (at >= length || writer->at >= writer->end)
			break;
		at += put_other(writer, bytes + at, length - at, json);
	}
	if (cut || at < length)
		PUT(writer, "...");
}

static void
put_span(struct writer *writer, const struct access_entry *entry,
    struct http_span span, size_t most, bool json)
{
	put_text(writer, entry->bytes + span.offset, span.length, most, json);
}

/* A request field between quotes; "-" or null when it wasn't sent. */
static void
put_field(struct writer *writer, const struct access_entry *entry,
    const struct http_header *header, bool json)
{
	if (header == NULL) {
		if (json)
			PUT(writer, "null");
		else
			PUT(writer, "\"-\"");
		return;
	}
	*writer->at++ = '"';
	put_span(writer, entry, header->value, ACCESS_FIELD_MAX, json);
	*writer->at++ = '"';
}

/* The two that a line has. */
struct fields {
	const struct http_header *referer, *agent;
};

static struct fields
find_fields(const struct access_entry *entry)
{
	const struct http_head *head = entry->head;
	struct fields found = { NULL, NULL };
	const struct http_header *header;
	uint32_t i;

	for (i = head == NULL ? 0 : head->header_count; i-- > 0;) {
		header = &head->headers[i];
		if (header->name.length == 7 &&
		    strncasecmp(
			(const char *)entry->bytes + header->name.offset,
			"Referer", 7) == 0)
			found.referer = header;
		else if (header->name.length == 10 &&
			 strncasecmp(
			     (const char *)entry->bytes + header->name.offset,
			     "User-Agent", 10) == 0)
			found.agent = header;
	}
	return (found);
}

/* --- What we know ------------------------------------------------------ */

static void
put_ipv4(struct writer *writer, const uint8_t *address)
{
	int i;

	for (i = 0; i < 4; i++) {
		put_number(writer, address[i]);
		*writer->at++ = '.';
	}
	writer->at--;
}

static void
put_peer(struct writer *writer, const struct slot_peer *peer)
{
	char text[INET6_ADDRSTRLEN];

	if (peer->family == AF_INET)
		put_ipv4(writer, peer->address);
	else if (peer->family == AF_INET6 &&
		 inet_ntop(AF_INET6, peer->address, text, sizeof(text)) != NULL)
		put(writer, text, strlen(text));
	else
		PUT(writer, "unix");
}

static void
put_id(struct writer *writer, uint64_t request)
{
	put_number(writer, request >> REQUEST_COUNT_BITS);
	*writer->at++ = '-';
	put_number(writer, request & UINT32_MAX);
}

static void
put_end(struct writer *writer, enum access_end end)
{
	if (end == ACCESS_WHOLE)
		PUT(writer, "whole");
	else if (end == ACCESS_CUT)
		PUT(writer, "cut");
	else
		PUT(writer, "none");
}

static void
put_module(struct writer *writer, const char *module, bool json)
{
	put_text(writer, (const uint8_t *)module, strlen(module),
	    SEGMENT_MODULE_NAME, json);
}

/* In microseconds. */
static inline void
put_time(struct writer *writer, uint64_t ns, bool json)
{
	if (ns != ACCESS_UNKNOWN)
		put_number(writer, ns / 1000);
	else if (json)
		PUT(writer, "null");
	else
		*writer->at++ = '-';
}

static struct writer
begin(char *line)
{
	return ((struct writer){ line, line + CLIENTS_END });
}

static void
put_combined_request(struct writer *writer, const struct access_entry *entry)
{
	const struct http_head *head = entry->head;

	if (head == NULL) {
		PUT(writer, "\"-\" ");
		return;
	}
	*writer->at++ = '"';
	put(writer, (const char *)entry->bytes + head->method_name.offset,
	    head->method_name.length); /* one of those that we know */
	*writer->at++ = ' ';
	put_span(writer, entry, head->target, ACCESS_TARGET_MAX, false);
	if (head->minor == 0)
		PUT(writer, " HTTP/1.0\" ");
	else
		PUT(writer, " HTTP/1.1\" ");
}

/* The fields that others don't have. */
static void
put_combined_own(struct writer *writer, const struct access_entry *entry)
{
	PUT(writer, " id=");
	put_id(writer, entry->request);
	PUT(writer, " worker=");
	put_number(writer, entry->worker);
	PUT(writer, " module=");
	put_module(writer, entry->module == NULL ? "-" : entry->module, false);
	PUT(writer, " replays=");
	put_number(writer, entry->replays);
	PUT(writer, " end=");
	put_end(writer, entry->end);
	PUT(writer, " us=");
	put_time(writer, entry->total_ns, false);
	PUT(writer, " read=");
	put_time(writer, entry->read_ns, false);
	PUT(writer, " handle=");
	put_time(writer, entry->handle_ns, false);
	PUT(writer, " wait=");
	put_time(writer, entry->wait_ns, false);
	PUT(writer, " send=");
	put_time(writer, entry->send_ns, false);
	*writer->at++ = '\n';
}

size_t
access_combined(const struct access_entry *entry,
    const struct access_time *time, char line[ACCESS_LINE_MAX])
{
	const struct fields fields = find_fields(entry);
	struct writer writer = begin(line);

	put_peer(&writer, entry->peer);
	PUT(&writer, " - - [");
	put(&writer, time->combined, strlen(time->combined));
	PUT(&writer, "] ");
	put_combined_request(&writer, entry);
	if (entry->status == 0)
		*writer.at++ = '-';
	else
		put_number(&writer, entry->status);
	*writer.at++ = ' ';
	put_number(&writer, entry->sent);
	*writer.at++ = ' ';
	put_field(&writer, entry, fields.referer, false);
	*writer.at++ = ' ';
	put_field(&writer, entry, fields.agent, false);
	put_combined_own(&writer, entry);
	return ((size_t)(writer.at - line));
}

static void
put_json_request(struct writer *writer, const struct access_entry *entry)
{
	const struct http_head *head = entry->head;

	if (head == NULL) {
		PUT(writer,
		    ",\"method\":null,\"target\":null,\"protocol\":null");
		return;
	}
	PUT(writer, ",\"method\":\"");
	put(writer, (const char *)entry->bytes + head->method_name.offset,
	    head->method_name.length);
	PUT(writer, "\",\"target\":\"");
	put_span(writer, entry, head->target, ACCESS_TARGET_MAX, true);
	if (head->minor == 0)
		PUT(writer, "\",\"protocol\":\"HTTP/1.0\"");
	else
		PUT(writer, "\",\"protocol\":\"HTTP/1.1\"");
}

static void
put_json_own(struct writer *writer, const struct access_entry *entry)
{
	PUT(writer, ",\"id\":\"");
	put_id(writer, entry->request);
	PUT(writer, "\",\"worker\":");
	put_number(writer, entry->worker);
	if (entry->module == NULL) {
		PUT(writer, ",\"module\":null");
	} else {
		PUT(writer, ",\"module\":\"");
		put_module(writer, entry->module, true);
		*writer->at++ = '"';
	}
	PUT(writer, ",\"replays\":");
	put_number(writer, entry->replays);
	PUT(writer, ",\"end\":\"");
	put_end(writer, entry->end);
	PUT(writer, "\",\"us\":");
	put_time(writer, entry->total_ns, true);
	PUT(writer, ",\"read_us\":");
	put_time(writer, entry->read_ns, true);
	PUT(writer, ",\"handle_us\":");
	put_time(writer, entry->handle_ns, true);
	PUT(writer, ",\"wait_us\":");
	put_time(writer, entry->wait_ns, true);
	PUT(writer, ",\"send_us\":");
	put_time(writer, entry->send_ns, true);
	PUT(writer, "}\n");
}

size_t
access_json(const struct access_entry *entry, const struct access_time *time,
    char line[ACCESS_LINE_MAX])
{
	const struct fields fields = find_fields(entry);
	struct writer writer = begin(line);

	PUT(&writer, "{\"time\":\"");
	put(&writer, time->json, strlen(time->json));
	PUT(&writer, "\",\"client\":\"");
	put_peer(&writer, entry->peer);
	*writer.at++ = '"';
	put_json_request(&writer, entry);
	PUT(&writer, ",\"status\":");
	if (entry->status == 0)
		PUT(&writer, "null");
	else
		put_number(&writer, entry->status);
	PUT(&writer, ",\"bytes\":");
	put_number(&writer, entry->sent);
	PUT(&writer, ",\"referer\":");
	put_field(&writer, entry, fields.referer, true);
	PUT(&writer, ",\"user_agent\":");
	put_field(&writer, entry, fields.agent, true);
	put_json_own(&writer, entry);
	return ((size_t)(writer.at - line));
}
