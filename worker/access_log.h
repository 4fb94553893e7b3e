/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log. Each request's line is appended to the segment when it is
 * over, and a thread of its own writes what has gathered, so that the dispatch
 * thread never waits for a disk. What it had not written when the worker dies
 * is written by the master.
 *
 * Life of a request, step 11 of 11.
 */
#ifndef WORKER_ACCESS_LOG_H
#define WORKER_ACCESS_LOG_H

#include "shm/message.h"

#include <stdbool.h>
#include <stdint.h>

struct access_entry;
struct access_log;
struct request;
struct worker;

/*
 * access_log_use(worker, fd, told):
 * The master's word: write there from now on. Owns ${fd}. The first one starts
 * the thread; without memory for it there is no log, which is told.
 */
void access_log_use(
    struct worker *worker, int fd, const struct message_log *told);

/* access_log_request(request): it is over. */
void access_log_request(struct request *request);

/*
 * access_log_entry(worker, entry):
 * One that isn't a request of ours: a dead worker's, which was answered.
 */
void access_log_entry(struct worker *worker, const struct access_entry *entry);

/* access_log_close(worker): write what there is, and end the thread. */
void access_log_close(struct worker *worker);

/* access_log_on(worker): is there one? */
#define access_log_on(worker) ((worker)->access_log != NULL)

#endif
