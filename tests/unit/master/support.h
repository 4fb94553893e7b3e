/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole master in a child process, with fake workers, for the tests here.
 */
#ifndef TESTS_UNIT_MASTER_SUPPORT_H
#define TESTS_UNIT_MASTER_SUPPORT_H

#include "master/config.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
	RUNNING_RELOADS = 4
};

struct running {
	pid_t pid;
	int port;        /* 0: not ready */
	char folder[64]; /* of the log and the control socket */
	char log[96];
	char control[96];
	struct config *config; /* what it was started with */
	/* What its reloads read, one after the other; then they fail. */
	struct config *next[RUNNING_RELOADS];
	size_t next_count;
};

/*
 * running_start(running, workers, settings):
 * Start a master with so many fake workers whose one module, "fake", has
 * these settings ("fail=no,load=slow", or ""), and wait until it is ready or
 * has ended. running_prepare() and running_launch() are its halves, to change
 * running->config between them.
 */
void running_start(
    struct running *running, unsigned workers, const char *settings);
void running_prepare(
    struct running *running, unsigned workers, const char *settings);
void running_launch(struct running *running);

/*
 * running_add(running, workers, settings): what the next reload reads, to be
 * changed before running_launch().
 */
struct config *running_add(
    struct running *running, unsigned workers, const char *settings);

/* running_wait(running): its exit status; fails the test after 20 s. */
int running_wait(struct running *running);

/*
 * running_end(running): SIGTERM; it must exit 0 and leave no worker and no
 * socket file. running_gone() checks that for one that ended already and
 * frees what running_start() took.
 */
void running_end(struct running *running);
void running_gone(struct running *running);

/* running_says(running, text): does its log say so within 10 s? */
bool running_says(const struct running *running, const char *text);

/* running_said(running, text): how often does its log say so now? */
unsigned running_said(const struct running *running, const char *text);

/* running_connect(running): a connected client socket. */
int running_connect(const struct running *running);

/*
 * ask(fd, line, ret_text): send a line, read the answer into ${ret_text}
 * (1 KiB). Returns its length, 0 at the end, or -errno.
 */
ssize_t ask(int fd, const char *line, char *ret_text);

/* tell(fd, line): only send. listen_to(fd, ret_text): only read. */
void tell(int fd, const char *line);
ssize_t listen_to(int fd, char *ret_text);

#endif
