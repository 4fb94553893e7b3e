/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access logs, as far as they are the master's: it opens them, hands the
 * descriptor to the pool's workers, opens them anew when they have been moved
 * away, and writes what a dead worker had not. It knows lines, not what is in
 * them.
 */
#ifndef MASTER_ACCESS_LOG_H
#define MASTER_ACCESS_LOG_H

#include "master/reason.h"
#include "shm/message.h"

#include <stdbool.h>
#include <stddef.h>

struct config_pool;
struct master;
struct pool;
struct worker;

/* A pool's. */
struct access_log {
	int fd; /* -1: there is none */
	enum log_kind kind;
	enum log_format format;
};

/* Lines of a dead worker's. */
struct access_rest {
	char *lines;
	size_t length;
	size_t doubtful; /* so many bytes of them may have been written */
};

/*
 * access_log_check(config, why):
 * Are the pool's settings good, and can the log be opened, or made? Makes
 * none. Returns 0, or -errno with the line in ${why}.
 */
int access_log_check(const struct config_pool *config, struct reason *why);

/* access_log_wanted(config): has this pool one? After access_log_check(). */
bool access_log_wanted(const struct config_pool *config);

/*
 * access_log_open(log, config): what can't be opened is told, and is no log.
 * access_log_close(log): of an opened one.
 */
void access_log_open(struct access_log *log, const struct config_pool *config);
void access_log_close(struct access_log *log);

/*
 * access_logs_reopen(master, ret_failed):
 * All of them, by their paths, and tell the workers. What can't be opened
 * stays as it is, and is told and counted. Returns how many were opened.
 */
unsigned access_logs_reopen(struct master *master, unsigned *ret_failed);

/* access_log_send(worker): LOG with the descriptor. 0 or -errno. */
int access_log_send(struct worker *worker);

/*
 * access_log_take(worker, ret_rest):
 * What the dead ${worker}, whose segment is still mapped, had not written.
 * access_log_put(pool, rest): write and free it. Not twice what is in the file
 * already; the journal and syslog may get one line twice.
 */
void access_log_take(struct worker *worker, struct access_rest *ret_rest);
void access_log_put(struct pool *pool, struct access_rest *rest);

#endif
