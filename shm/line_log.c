/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines on their way to a log. A living worker appends and writes; the master
 * reads the wreck, of which it believes nothing.
 */
#include "shm/line_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
load(const _Atomic uint64_t *word)
{
	return (atomic_load_explicit(word, memory_order_acquire));
}

/* The piece of the ring from ${from} on, up to its end. */
static size_t
run_at(const struct segment *segment, uint64_t from, size_t length)
{
	const size_t size = segment->geometry.log_size;
	const size_t left = size - (from & (size - 1));

	return (length < left ? length : left);
}

static uint8_t *
place_of(const struct segment *segment, uint64_t at)
{
	return (segment->log->bytes + (at & (segment->geometry.log_size - 1)));
}

bool
line_log_append(const struct segment *segment, const char *line, size_t length,
    uint64_t request)
{
	struct segment_log *log = segment->log;
	const uint64_t head =
	    atomic_load_explicit(&log->head, memory_order_relaxed);
	const size_t run = run_at(segment, head, length);

	/* Pairs with the release in line_log_written(). */
	if (head + length - load(&log->written) > segment->geometry.log_size)
		return (false);
	memcpy(place_of(segment, head), line, run);
	if (run < length)
		memcpy(log->bytes, line + run, length - run);
	/* In this order: who finds `last_end` at `head` finds its request. */
	atomic_store_explicit(
	    &log->last_end, head + length, memory_order_relaxed);
	atomic_store_explicit(
	    &log->last_request, request, memory_order_release);
	/* The line is there; pairs with the acquire of who reads `head`. */
	atomic_store_explicit(&log->head, head + length, memory_order_release);
	return (true);
}

size_t
line_log_waiting(const struct segment *segment, struct iovec ret_parts[2])
{
	const struct segment_log *log = segment->log;
	const uint64_t from =
	    atomic_load_explicit(&log->written, memory_order_relaxed);
	const size_t length = (size_t)(load(&log->head) - from);
	const size_t run = run_at(segment, from, length);

	ret_parts[0] = (struct iovec){ place_of(segment, from), run };
	ret_parts[1] = (struct iovec){ segment->log->bytes, length - run };
	return (length);
}

void
line_log_writing(const struct segment *segment, size_t size)
{
	struct segment_log *log = segment->log;

	atomic_store_explicit(&log->writing,
	    atomic_load_explicit(&log->written, memory_order_relaxed) + size,
	    memory_order_relaxed);
}

void
line_log_written(const struct segment *segment, size_t size)
{
	struct segment_log *log = segment->log;
	const uint64_t written =
	    atomic_load_explicit(&log->written, memory_order_relaxed) + size;

	atomic_store_explicit(&log->written, written, memory_order_release);
	atomic_store_explicit(&log->writing, written, memory_order_relaxed);
}

size_t
line_log_pending(const struct segment *segment)
{
	return ((size_t)(atomic_load_explicit(
			     &segment->log->head, memory_order_relaxed) -
			 atomic_load_explicit(
			     &segment->log->written, memory_order_relaxed)));
}

bool
line_log_tells_of(const struct segment *wreck, uint64_t request)
{
	const struct segment_log *log = wreck->log;

	return (wreck->geometry.log_size > 0 &&
		load(&log->last_request) == request &&
		load(&log->last_end) == load(&log->head));
}

/* --- Rescue ------------------------------------------------------------ */

static bool
is_continuation(const uint8_t *bytes, size_t count)
{
	size_t i;

	for (i = 1; i < count; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return (false);
	return (true);
}

size_t
line_log_character(const uint8_t *bytes, size_t length)
{
	const uint8_t first = bytes[0];
	size_t count;

	if (first < 0x80)
		return (first >= ' ' && first != 0x7f);
	count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	/* 0x80 to 0xc1 begin nothing; 0xf5 and on are beyond Unicode. */
	if (first < 0xc2 || first > 0xf4 || count > length ||
	    !is_continuation(bytes, count))
		return (0);
	/* Too long a form, surrogates, beyond U+10FFFF; C1 controls. */
	if ((first == 0xe0 && bytes[1] < 0xa0) ||
	    (first == 0xed && bytes[1] > 0x9f) ||
	    (first == 0xf0 && bytes[1] < 0x90) ||
	    (first == 0xf4 && bytes[1] > 0x8f) ||
	    (first == 0xc2 && bytes[1] < 0xa0))
		return (0);
	return (count);
}

static void
clean(char *lines, size_t length)
{
	uint8_t *bytes = (uint8_t *)lines;
	size_t at = 0, count;

	while (at < length) {
		count = line_log_character(bytes + at, length - at);
		if (count == 0 && bytes[at] != '\n')
			bytes[at] = '?';
		at += count == 0 ? 1 : count;
	}
}

int
line_log_rescue(const struct segment *wreck, char **ret_lines,
    size_t *ret_length, size_t *ret_doubtful)
{
	const struct segment_log *log = wreck->log;
	uint64_t head, written, writing;
	size_t length, run;
	char *lines;

	*ret_lines = NULL;
	*ret_length = *ret_doubtful = 0;
	if (wreck->geometry.log_size == 0)
		return (0);
	head = load(&log->head);
	written = load(&log->written);
	writing = load(&log->writing);
	if (head == written)
		return (0);
	if (head - written > wreck->geometry.log_size ||
	    (writing - written > head - written && writing != 0))
		return (-EPROTO);
	length = (size_t)(head - written);
	if ((lines = malloc(length + 1)) == NULL)
		return (-ENOMEM);
	run = run_at(wreck, written, length);
	memcpy(lines, place_of(wreck, written), run);
	memcpy(lines + run, log->bytes, length - run);
	clean(lines, length);
	if (lines[length - 1] != '\n')
		lines[length++] = '\n';
	*ret_lines = lines;
	*ret_length = length;
	*ret_doubtful = writing == 0 ? 0 : (size_t)(writing - written);
	return (0);
}
