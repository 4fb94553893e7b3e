/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutations that know which bytes matter in HTTP.
 */
#include "tests/fuzz/mutate.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What parsers have disagreed about. */
static const struct {
	char bytes[24];
	size_t length;
} pieces[] = {
#define PIECE(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}
	PIECE("\r\n"),
	PIECE("\n"),
	PIECE("\r"),
	PIECE(" "),
	PIECE("\t"),
	PIECE("\0"),
	PIECE(":"),
	PIECE(","),
	PIECE(";"),
	PIECE("#"),
	PIECE("?"),
	PIECE("\x0b"),
	PIECE("\x7f"),
	PIECE("\x80"),
	PIECE("\xff"),
	PIECE("0"),
	PIECE("f"),
	PIECE("\r\n\r\n"),
	PIECE("\r\n "),
	PIECE("\n\n"),
	PIECE("0\r\n\r\n"),
	PIECE("chunked"),
	PIECE("close"),
	PIECE("Content-Length: 3\r\n"),
	PIECE("Host: b\r\n"),
	PIECE("HTTP/1.1"),
	PIECE("[::1]"),
#undef PIECE
};

static size_t
insert(uint8_t *bytes, size_t length, size_t max, size_t at,
    const uint8_t *piece, size_t piece_length)
{
	if (piece_length > max - length)
		return (length);
	memmove(bytes + at + piece_length, bytes + at, length - at);
	memcpy(bytes + at, piece, piece_length);
	return (length + piece_length);
}

static size_t
mutate_once(uint64_t *random, uint8_t *bytes, size_t length, size_t max)
{
	uint8_t copy[64];
	const size_t at = random_below(random, length + 1);
	const size_t piece = random_below(random, COUNT(pieces));
	size_t run = 1 + random_below(random, 8);

	switch (random_below(random, 6)) {
	case 0:
		if (at < length)
			bytes[at] = (uint8_t)random_below(random, 256);
		break;
	case 1:
		if (at < length)
			bytes[at] = (uint8_t)(bytes[at] ^
					      1U << random_below(random, 8));
		break;
	case 2:
		if (run > length - at)
			run = length - at;
		memmove(bytes + at, bytes + at + run, length - at - run);
		return (length - run);
	case 3:
		run *= 1 + random_below(random, 8);
		if (run > length - at)
			run = length - at;
		memcpy(copy, bytes + at, run);
		return (insert(bytes, length, max,
		    random_below(random, length + 1), copy, run));
	case 4:
		if (at + pieces[piece].length <= length)
			memcpy(bytes + at, pieces[piece].bytes,
			    pieces[piece].length);
		break;
	default:
		return (insert(bytes, length, max, at,
		    (const uint8_t *)pieces[piece].bytes,
		    pieces[piece].length));
	}
	return (length);
}

size_t
mutate(uint64_t *random, uint8_t *bytes, size_t length, size_t max)
{
	size_t times = 1 + random_below(random, 3);

	while (times-- > 0)
		length = mutate_once(random, bytes, length, max);
	return (length);
}
