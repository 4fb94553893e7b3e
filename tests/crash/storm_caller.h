/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client for load: blocking, any number of threads, and it fails nothing;
 * it answers what happened.
 */
#ifndef TESTS_CRASH_STORM_CALLER_H
#define TESTS_CRASH_STORM_CALLER_H

#include "tests/support/response.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caller {
	int fd;
	char *bytes; /* received and not yet taken */
	size_t length, size;
	bool fin;
	bool reset;
	const char *error; /* GOT_NONSENSE: why */
};

/* What came instead of, or as, the next response. */
enum got {
	GOT_RESPONSE,
	GOT_FIN,      /* before its first byte */
	GOT_CUT,      /* FIN within it */
	GOT_RESET,    /* before its first byte */
	GOT_BROKEN,   /* reset within it */
	GOT_SILENCE,  /* not in time */
	GOT_NONSENSE, /* no well-formed response */
	GOT_COUNT
};

/* got_name(got): for people. */
const char *got_name(enum got got);

/*
 * caller_open(caller, port): to 127.0.0.1. False with errno. caller_close()
 * in any case but that.
 */
bool caller_open(struct caller *caller, uint16_t port);
void caller_close(struct caller *caller);

/* caller_send(caller, bytes, length): false when the peer has closed. */
bool caller_send(struct caller *caller, const void *bytes, size_t length);

/*
 * caller_receive(caller, ret_response): response_free() it when it answers
 * GOT_RESPONSE.
 */
enum got caller_receive(struct caller *caller, struct response *ret_response);

/*
 * caller_expect(caller, expected, ret_right):
 * The same where the next response is to be a 200 with ${expected}'s body, of a
 * known length: the body is compared where it lies, since a load that copies
 * and frees a MiB for each answer measures itself. Anything else is received as
 * above, and *${ret_right} is false.
 */
enum got caller_expect(
    struct caller *caller, const struct response *expected, bool *ret_right);

/* caller_ended(caller): has an idle connection ended? Doesn't wait. */
bool caller_ended(struct caller *caller);

#endif
