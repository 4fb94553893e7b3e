/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that check every byte while workers are killed at random instants.
 */
#ifndef TESTS_CRASH_WITNESS_H
#define TESTS_CRASH_WITNESS_H

#include "tests/crash/storm_caller.h"

#include <pthread.h>
#include <stdatomic.h>

/* What a client does, again and again. */
enum witness_part {
	WITNESS_PIPELINED, /* one to four GETs at once */
	WITNESS_POST,      /* each leaves a line in the state file */
	WITNESS_OUT,       /* large answers */
	WITNESS_IN,        /* large bodies, PUT in one go */
	WITNESS_TRICKLED,  /* a GET's head in two pieces */
	WITNESS_PARTS
};

struct witness {
	pthread_t thread;
	enum witness_part part;
	unsigned number; /* unique: its keys begin with it */
	uint16_t port;
	atomic_bool *over;
	unsigned random;
	unsigned request; /* its requests so far */
	/* What came of them. */
	unsigned answered;
	unsigned refused; /* 502, and the connection ended in order */
	unsigned cut;     /* a part of an answer, right so far, and a reset */
	unsigned wrong;
	char complaint[512]; /* about the first wrong one */
	/* WITNESS_POST: what the client got, by request. */
	char *got;
	size_t got_size;
};

/* What a POST's client got. */
enum {
	POSTED = 'a',
	POST_REFUSED = 'r'
};

/* witness_run(witness): a thread's function, until *over. */
void *witness_run(void *witness);

#endif
