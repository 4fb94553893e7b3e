/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as a line of the access log. Pure: no clock, no worker.
 */
#ifndef WORKER_ACCESS_FORMAT_H
#define WORKER_ACCESS_FORMAT_H

#include "shm/layout.h"
#include "worker/http_parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ACCESS_LINE_MAX = 16384,  /* no line is longer */
	ACCESS_TARGET_MAX = 2048, /* bytes of the request's; cut beyond */
	ACCESS_FIELD_MAX = 512,   /* of Referer and User-Agent */
};

/* How its response ended. */
enum access_end {
	ACCESS_WHOLE, /* every byte is in the kernel */
	ACCESS_CUT,   /* the client left, or its worker died, within it */
	ACCESS_NONE,  /* no byte of one was sent */
};

/* The moment, in each format's words; made once a second. */
struct access_time {
	char combined[32]; /* 20/Nov/2026:19:21:10 +0000 */
	char json[32];     /* 2026-11-20T19:21:10Z */
};

#define ACCESS_UNKNOWN UINT64_MAX /* of the times below */

struct access_entry {
	const struct slot_peer *peer;
	const struct http_head *head; /* NULL: none that could be understood */
	const uint8_t *bytes;         /* the head's first */
	unsigned status;              /* 0: no response was sent */
	uint64_t sent;                /* bytes of it, head and framing too */
	enum access_end end;
	uint64_t request; /* its id */
	uint32_t worker;
	uint32_t replays;
	const char *module; /* who answered; NULL: the server itself */
	/* In ns, or ACCESS_UNKNOWN. */
	uint64_t total_ns;  /* head whole to the end */
	uint64_t read_ns;   /* first byte to head whole */
	uint64_t handle_ns; /* head whole to the last send */
	uint64_t wait_ns;   /* of that, waiting for completions */
	uint64_t send_ns;   /* the last send, until the kernel has all */
};

/*
 * access_combined(entry, time, line), access_json(entry, time, line):
 * Write the line with its '\n' to ${line}, of ACCESS_LINE_MAX bytes, and return
 * its length. Printable: in combined all else is \xNN; in JSON it is \u00NN,
 * and what a client sends as UTF-8 stays.
 *
 *	127.0.0.1 - - [20/Nov/2026:19:21:10 +0000] "GET / HTTP/1.1" 200 161
 *	"-" "curl/7.88" id=1-17 worker=1 module=hello replays=0 end=whole us=134
 *	read=0 handle=120 wait=0 send=14
 */
size_t access_combined(const struct access_entry *entry,
    const struct access_time *time, char line[ACCESS_LINE_MAX]);
size_t access_json(const struct access_entry *entry,
    const struct access_time *time, char line[ACCESS_LINE_MAX]);

#endif
