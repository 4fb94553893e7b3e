/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket between the master and one worker: shm/message.h from the
 * master's side. Whatever a worker sends is checked here, and becomes an event
 * of its state table or a report about its connections.
 */
#ifndef MASTER_CHANNEL_H
#define MASTER_CHANNEL_H

#include "shm/message.h"

enum {
	CHANNEL_MESSAGES = 32,        /* of one worker in one turn */
	CHANNEL_SNDBUF = 1024 * 1024, /* asked for; the system may cut it */
	CHANNEL_BUFFER = 8 * 1024,    /* longest message of a worker */
	CHANNEL_LIES_MAX = 64,        /* then it is killed for them */
};

struct worker;

/* channel_init(worker): once in the worker's life. */
void channel_init(struct worker *worker);

/*
 * channel_open(worker): watch worker->socket. Returns 0 or -errno.
 * channel_mute(worker): listen to it no more; its death is all we wait for.
 * channel_close(worker): close the socket. Closed is fine.
 */
int channel_open(struct worker *worker);
void channel_mute(struct worker *worker);
void channel_close(struct worker *worker);

/* channel_send(worker, type): a message without a body. 0 or -errno. */
int channel_send(struct worker *worker, enum message_type type);

/*
 * channel_send_boot(worker):
 * BOOT with the modules and their settings and the segment's descriptors.
 * Returns 0 or -errno.
 */
int channel_send_boot(struct worker *worker);

/*
 * channel_owe(worker, debt):
 * Send a message that can't be left out: now, or as soon as the socket has
 * room. channel_pay() is another try.
 */
enum channel_debt {
	CHANNEL_QUARANTINE = 1u << 0, /* as it is when it is sent */
	CHANNEL_RETIRE = 1u << 1,
	CHANNEL_DRAIN = 1u << 2,
	CHANNEL_LOG = 1u << 3, /* as it is when it is sent */
	CHANNEL_LOG_LEVEL = 1u << 4,
};
void channel_owe(struct worker *worker, enum channel_debt debt);
void channel_pay(struct worker *worker);

/* channel_watch_room(worker): poll for room while blocked or in debt. */
void channel_watch_room(struct worker *worker);

/* channel_read_all(worker): what a dead worker said before. */
void channel_read_all(struct worker *worker);

#endif
