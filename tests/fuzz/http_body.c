/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a body: the first says how it is framed and cut; the rest is
 * fed whole and in pieces, which must give the same entity and the same end.
 */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/http_body.h"

struct outcome {
	int result;
	size_t consumed;
	uint64_t entity_length;
	uint64_t entity_sum; /* of its bytes and their places */
};

static void
add_run(struct outcome *outcome, const uint8_t *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		outcome->entity_sum +=
		    (++outcome->entity_length) * (data[i] + 1U);
}

static void
feed(struct http_body *body, const uint8_t *bytes, size_t length, size_t max,
    struct outcome *outcome)
{
	const uint8_t *data;
	size_t consumed, run;

	do {
		outcome->result = http_body_next(
		    body, bytes, length, max, &consumed, &data, &run);
		if (outcome->result == -EBADMSG)
			return;
		MUST(consumed <= length && run <= consumed && run <= max);
		MUST(run == 0 || data + run == bytes + consumed);
		MUST(outcome->result == 0 || consumed == length);
		MUST(run > 0 || outcome->result != 0 || http_body_done(body));
		add_run(outcome, data, run);
		MUST(body->received == outcome->entity_length);
		outcome->consumed += consumed;
		bytes += consumed;
		length -= consumed;
	} while (outcome->result == 0 && !http_body_done(body));
}

static struct outcome
feed_pieces(
    uint8_t how, const uint8_t *bytes, size_t length, size_t piece, size_t max)
{
	struct outcome outcome = { .result = -EAGAIN };
	struct http_body body;
	size_t at = 0, next;

	http_body_init(&body, (how & 1) != 0, how >> 1);
	do {
		next = piece < length - at ? piece : length - at;
		feed(&body, bytes + at, next, max, &outcome);
		at += next;
	} while (outcome.result == -EAGAIN && at < length);
	return (outcome);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces;
	size_t piece;

	if (size == 0)
		return (0);
	whole = feed_pieces(data[0], data + 1, size - 1, size, SIZE_MAX);
	MUST(whole.result == 0 || whole.result == -EAGAIN ||
	     whole.result == -EBADMSG);
	for (piece = 1; piece <= 16; piece = piece * 2 + 1) {
		pieces = feed_pieces(
		    data[0], data + 1, size - 1, piece, 1 + piece / 2);
		MUST(pieces.result == whole.result);
		if (whole.result == -EBADMSG)
			continue;
		MUST(pieces.consumed == whole.consumed);
		MUST(pieces.entity_length == whole.entity_length);
		MUST(pieces.entity_sum == whole.entity_sum);
	}
	return (0);
}
