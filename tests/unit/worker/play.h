/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server, played: the bh_* functions of http.h, async.h and log.h for one
 * request at a time, whose operations go as a script says. For the shipped
 * modules' tests: what a real socket does once in a thousand runs, happens
 * here when asked for.
 */
#ifndef TESTS_UNIT_WORKER_PLAY_H
#define TESTS_UNIT_WORKER_PLAY_H

#include <bulkhead/async.h>
#include <bulkhead/http.h>

/* How an operation goes. */
enum play_how {
	PLAY_INLINE, /* done in the call */
	PLAY_LATER,  /* by a completion */
};

struct play_step {
	enum play_how how;
	int status;   /* 0, or what goes wrong */
	size_t bytes; /* of a read */
};

/* One request; the public struct bh_context. */
struct bh_context {
	/* What the client sent. */
	const char *method, *path, *query, *content_type;
	uint64_t remaining; /* BH_LENGTH_UNKNOWN until `known_from` reads */
	size_t ends_at; /* chunked: the end is known after this read, or 0 */
	/* How operations go. */
	const struct play_step *reads, *sends;
	size_t read_count, send_count;
	/* What the module did. */
	size_t reads_done, sends_done;
	unsigned status;
	char headers[512]; /* "Name: value\n" each */
	unsigned char *body;
	size_t body_size, body_capacity;
	bool unbuffered, headers_sent, ended, reset;
	int error_status;
	char log[512];
	void *memory[8];
	size_t memory_count;
	/* The outstanding operation. */
	uint32_t operation; /* 0: none */
	size_t bytes;
	int result;
	bool ticket;
};

/* play_free(context): what the request allocated. */
void play_free(struct bh_context *context);

/*
 * play_run(ops, module, context):
 * Send the request through the module's execute request handler, or begin
 * request and map request handler if it has these, and deliver completions
 * until it doesn't return BH_PENDING. A ticket's completion is waited for.
 * Returns what it returned at last. Fails the test when it breaks a rule.
 */
enum bh_notification_status play_run(
    const struct bh_module_ops *ops, void *module, struct bh_context *context);

/* The byte at ${position} of every body that is read here. */
unsigned char play_byte(size_t position);

#endif
