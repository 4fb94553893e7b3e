/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server as a whole: starting it, stopping it, and what a worker's change
 * means for it.
 */
#ifndef MASTER_SERVER_H
#define MASTER_SERVER_H

#include "master/config.h"
#include "master/supervise.h"

enum {
	/* Descriptors that are not connections. */
	SERVER_RESERVE = 128,          /* listeners, control, our own */
	SERVER_RESERVE_PER_WORKER = 8, /* pidfd, socket, segment: 5 and spare */
	SERVER_SLOTS_MIN = 16,         /* fewer aren't a server */
	SERVER_GENERATIONS = 2,        /* of workers, that there is room for */
	SERVER_QUEUE_MS = 1000, /* for handing over the queue when we stop */
};

struct activation;
struct kept;
struct master;
struct worker;

/*
 * server_open(master, config, source, activation, why):
 * Open everything, with the sockets of ${activation} (or NULL) where they
 * match, and start the first workers. Takes ${config} in any case; a reload
 * gets the next one from ${source}, which may be NULL: there is none. Returns
 * 0, or -errno with the line in ${why}; server_close() is due either way.
 */
int server_open(struct master *master, struct config *config,
    const struct config_source *source, struct activation *activation,
    struct reason *why);

/*
 * server_resume(master, source, kept, why):
 * Take everything over that another image of this program has left. Nothing
 * is accepted, sent or started yet: server_go_on(master) does that. Returns 0,
 * or -errno with the line in ${why}; server_close() isn't due then, for what
 * was left may still be somebody else's.
 */
int server_resume(struct master *master, const struct config_source *source,
    const struct kept *kept, struct reason *why);
void server_go_on(struct master *master);

/*
 * server_run(master):
 * Serve until stopped. Returns the exit status.
 */
int server_run(struct master *master);

/* server_close(master): whatever is left, no process of ours among it. */
void server_close(struct master *master);

/*
 * server_stop(master):
 * The first time: stop listening, hand over what was accepted, let the workers
 * finish. The second time, or while still starting: end now.
 */
void server_stop(struct master *master);

/* server_count_workers(master, state): how many are in it now. */
uint32_t server_count_workers(
    const struct master *master, enum worker_state state);

/* server_count_regular(master): those that are meant to serve now. */
uint32_t server_count_regular(const struct master *master);

/* server_phase_name(master): "serving". */
const char *server_phase_name(const struct master *master);

/* What others have to tell; ${text} says why, and has been told. */
void server_worker_serving(struct worker *worker);
void server_worker_down(struct worker *worker, const char *text);
void server_queue_empty(struct master *master);

#endif
