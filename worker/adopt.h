/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adopting the connections of a dead worker (DESIGN section 5): what its
 * wreck says of each, held against what the kernel knows, decides what the
 * client gets.
 *
 *	idle                                      FRESH     nothing happens
 *	part of a head                            RESUME    nothing happens
 *	whole request, no response byte, may be
 *	repeated                                  RESUME    its answer, from us
 *	the same, may not be repeated             REFUSE    502
 *	response partly sent                      RESET     a visible reset
 *	its client has gone                       GONE      the same
 *	response wholly sent                      RESUME or FRESH, or CLOSE when
 *	                                                    it was the last
 */
#ifndef WORKER_ADOPT_H
#define WORKER_ADOPT_H

#include "shm/message.h"
#include "shm/wreck.h"
#include "worker/conn.h"

enum {
	ADOPT_NAMED_MAX = 2,   /* deaths that name it: poison */
	ADOPT_CRASHES_MAX = 3, /* replays of a bystander */
};

/* A wreck as a successor sees it. */
struct adopt_wreck {
	struct segment segment;
	const uint8_t *buffers;
	size_t buffers_size;
};

/*
 * adopt_open(ro, buffers, ret_wreck), adopt_close(wreck):
 * Map and check a wreck; the descriptors stay the caller's. Returns 0, -errno
 * or -EPROTO.
 */
int adopt_open(int ro, int buffers, struct adopt_wreck *ret_wreck);
void adopt_close(struct adopt_wreck *wreck);

/*
 * adopt(worker, wreck, item, fd, conn):
 * Decide what becomes of a connection: its bytes are copied into a buffer of
 * ours, our slot is opened with them, and conn->adoption says what to do when
 * it arrives. ${wreck} NULL (it couldn't be mapped): all is lost but the
 * connection. False: no buffer is free, and it must be tried later.
 */
bool adopt(struct worker *worker, const struct adopt_wreck *wreck,
    const struct message_connection *item, int fd, struct conn *conn);

#endif
