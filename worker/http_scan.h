/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classes of bytes of a request head, and finding the end of a run of them 16
 * bytes at a time. Private to http_parse.c.
 *
 * The buffer's last bytes are read by a load that ends where the buffer does,
 * so nothing outside of it is ever touched, and its last 15 bytes aren't slow.
 */
#ifndef WORKER_HTTP_SCAN_H
#define WORKER_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum scan_class {
	SCAN_TOKEN = 1,  /* tchar of RFC 9110 */
	SCAN_TARGET = 2, /* visible ASCII but '#' */
	SCAN_PATH = 4,   /* visible ASCII but '#' and '?' */
	SCAN_VALUE = 8,  /* white space, visible ASCII, 0x80 to 0xff */
	SCAN_HOST = 16,  /* unreserved and sub-delims of RFC 3986 */
	SCAN_PLAIN = 32, /* letters, digits, '-' and '.': nearly all names */
};

/* The classes of each byte; tests/unit/worker/http_parse.c spells them out. */
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

#endif
