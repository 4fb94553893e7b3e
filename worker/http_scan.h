/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classes of bytes of a request head, finding the end of a run of them 16
 * bytes at a time, and comparing words. Private to http_parse.c,
 * http_target.c and http_fields.c.
 *
 * The buffer's last bytes are read by a load that ends where the buffer does,
 * so nothing outside of it is ever touched, and its last 15 bytes aren't slow.
 */
#ifndef WORKER_HTTP_SCAN_H
#define WORKER_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Functions that ordinary requests don't need stay out of the others' way. */
#define SCAN_SELDOM __attribute__((cold, noinline))

enum scan_class {
	SCAN_TOKEN = 1,  /* tchar of RFC 9110 */
	SCAN_TARGET = 2, /* visible ASCII but '#' */
	SCAN_PATH = 4,   /* visible ASCII but '#' and '?' */
	SCAN_VALUE = 8,  /* white space, visible ASCII, 0x80 to 0xff */
	SCAN_HOST = 16,  /* unreserved and sub-delims of RFC 3986 */
	SCAN_PLAIN = 32, /* letters, digits, '-' and '.': nearly all names */
};

/* The classes of each byte; tests/unit/worker/http_fields.c spells them out. */
static const uint8_t scan_classes[256] = {
	/* clang-format off */
	 0,  0,  0,  0,  0,  0,  0,  0,  0,  8,  0,  0,  0,  0,  0,  0,
	 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
	 8, 31, 14,  9, 31, 15, 31, 31, 30, 30, 31, 31, 30, 63, 63, 14,
	63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 14, 30, 14, 30, 14, 10,
	14, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
	63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 14, 14, 14, 15, 31,
	15, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
	63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 14, 15, 14, 31,  0,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	 8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
	/* clang-format on */
};

static inline bool
scan_is(uint8_t byte, enum scan_class class)
{
	return ((scan_classes[byte] & (unsigned)class) != 0);
}

#ifdef __SSE2__

/* One bit per byte of ${x} that isn't of the class: bit 0 for the first. */
typedef unsigned scan_stops(__m128i x);

/* Signed comparison puts 0x80 to 0xff below everything else. */
static inline __m128i
scan_target_bytes(__m128i x)
{
	__m128i visible = _mm_cmpgt_epi8(x, _mm_set1_epi8(' '));
	__m128i bad = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)),
	    _mm_cmpeq_epi8(x, _mm_set1_epi8('#')));

	return (_mm_andnot_si128(bad, visible));
}

static inline unsigned
scan_target_stops(__m128i x)
{
	return ((unsigned)_mm_movemask_epi8(scan_target_bytes(x)) ^ 0xffff);
}

static inline unsigned
scan_path_stops(__m128i x)
{
	__m128i path = _mm_andnot_si128(
	    _mm_cmpeq_epi8(x, _mm_set1_epi8('?')), scan_target_bytes(x));

	return ((unsigned)_mm_movemask_epi8(path) ^ 0xffff);
}

/* A tab stops too: it is rare enough for the caller to deal with. */
static inline unsigned
scan_value_stops(__m128i x)
{
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
	__m128i delete = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));

	return ((unsigned)_mm_movemask_epi8(_mm_or_si128(low, delete)));
}

/*
 * A range a..z is moved to the top of the signed bytes, where one comparison
 * finds it: what was above z wraps to the bottom.
 */
static inline unsigned
scan_plain_stops(__m128i x)
{
	__m128i lower = _mm_or_si128(x, _mm_set1_epi8(0x20));
	__m128i letter =
	    _mm_cmpgt_epi8(_mm_add_epi8(lower, _mm_set1_epi8(127 - 'z')),
		_mm_set1_epi8(127 - 26));
	__m128i digit = _mm_cmpgt_epi8(
	    _mm_add_epi8(x, _mm_set1_epi8(127 - '9')), _mm_set1_epi8(127 - 10));
	__m128i dash = _mm_cmpeq_epi8(x, _mm_set1_epi8('-'));
	__m128i dot = _mm_cmpeq_epi8(x, _mm_set1_epi8('.'));
	__m128i plain =
	    _mm_or_si128(_mm_or_si128(letter, digit), _mm_or_si128(dash, dot));

	return ((unsigned)_mm_movemask_epi8(plain) ^ 0xffff);
}

static inline __m128i
scan_load(const uint8_t *at)
{
	return (_mm_loadu_si128((const __m128i *)(const void *)at));
}

#define SCAN_STOPS(stops) stops

#else

typedef void scan_stops(void);
#define SCAN_STOPS(stops) NULL

#endif

/* Where runs end. Made once per pass. */
struct scan_bounds {
	const uint8_t *end;
	const uint8_t *last; /* of 16 bytes up to the end; NULL if too few */
};

static inline struct scan_bounds
scan_bounds(const uint8_t *bytes, size_t length)
{
	return ((struct scan_bounds){
	    .end = bytes + length,
	    .last = length >= 16 ? bytes + length - 16 : NULL,
	});
}

/*
 * scan_run(bounds, at, stops, class):
 * The first byte from ${at} on that isn't of the class, or the end.
 */
static inline __attribute__((always_inline)) const uint8_t *
scan_run(struct scan_bounds bounds, const uint8_t *at, scan_stops *stops,
    enum scan_class class)
{
#ifdef __SSE2__
	unsigned found;

	for (; (uintptr_t)at <= (uintptr_t)bounds.last; at += 16) {
		found = stops(scan_load(at));
		if (found != 0)
			return (at + (unsigned)__builtin_ctz(found));
	}
	if (bounds.last != NULL) {
		found = stops(scan_load(bounds.last)) >> (at - bounds.last);
		return (found != 0 ? at + (unsigned)__builtin_ctz(found)
				   : bounds.end);
	}
#else
	(void)stops;
#endif
	while (at < bounds.end && scan_is(*at, class))
		at++;
	return (at);
}

/* scan_target(bounds, at): past a run of SCAN_TARGET. */
static inline const uint8_t *
scan_target(struct scan_bounds bounds, const uint8_t *at)
{
	return (
	    scan_run(bounds, at, SCAN_STOPS(scan_target_stops), SCAN_TARGET));
}

/* scan_path(bounds, at): past a run of SCAN_PATH. */
static inline const uint8_t *
scan_path(struct scan_bounds bounds, const uint8_t *at)
{
	return (scan_run(bounds, at, SCAN_STOPS(scan_path_stops), SCAN_PATH));
}

/* scan_plain(bounds, at): past a run of SCAN_PLAIN. */
static inline const uint8_t *
scan_plain(struct scan_bounds bounds, const uint8_t *at)
{
	return (scan_run(bounds, at, SCAN_STOPS(scan_plain_stops), SCAN_PLAIN));
}

/* scan_value(bounds, at): past a run of SCAN_VALUE, or before a tab in it. */
static inline const uint8_t *
scan_value(struct scan_bounds bounds, const uint8_t *at)
{
	return (scan_run(bounds, at, SCAN_STOPS(scan_value_stops), SCAN_VALUE));
}

/* scan_token(at, end): past a run of SCAN_TOKEN, byte by byte. */
static inline const uint8_t *
scan_token(const uint8_t *at, const uint8_t *end)
{
	while (at < end && scan_is(*at, SCAN_TOKEN))
		at++;
	return (at);
}

/* The next ${length} (4 or 8) bytes, letters in lower case. */
static inline uint64_t
scan_load_lower(const uint8_t *at, size_t length)
{
	const uint64_t lower = UINT64_C(0x2020202020202020);
	uint64_t wide;
	uint32_t half;

	if (length == 8) {
		memcpy(&wide, at, 8);
		return (wide | lower);
	}
	memcpy(&half, at, 4);
	return (half | (uint32_t)lower);
}

/*
 * Is ${at} the lower-case ${word} in any case? Both of ${length} >= 4, which
 * is a constant: a few loads, the last one overlapping the one before. The
 * bytes must have been found to be free of control bytes, one of which or'ed
 * with 0x20 could look like a digit or a dash.
 */
static inline __attribute__((always_inline)) bool
scan_is_word(const uint8_t *at, const char *word, size_t length)
{
	const uint8_t *expected = (const uint8_t *)word;
	const size_t step = length < 8 ? 4 : 8;
	size_t i;

	for (i = 0; i + step < length; i += step)
		if (scan_load_lower(at + i, step) !=
		    scan_load_lower(expected + i, step))
			return (false);
	i = length - step;
	return (scan_load_lower(at + i, step) ==
		scan_load_lower(expected + i, step));
}

#define SCAN_IS_WORD(at, length, word)   \
	((length) == sizeof(word) - 1 && \
	    scan_is_word(at, word, sizeof(word) - 1))

#endif
