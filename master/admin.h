/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-admin, which serves metrics and the status page: started when the
 * setting `admin` says where, and again when it dies. The server needs it for
 * nothing: whatever becomes of it is told in the log and changes nothing else.
 */
#ifndef MASTER_ADMIN_H
#define MASTER_ADMIN_H

#include "master/config.h"
#include "master/listener.h"
#include "master/loop.h"
#include "master/reason.h"

#include <stdbool.h>
#include <sys/types.h>

struct master;

struct admin {
	struct master *master;
	char *address; /* as configured; NULL: it isn't wanted */
	char *program;
	struct listener listener;
	struct loop_source death; /* pidfd */
	struct loop_timer timer;  /* its next start */
	pid_t pid;                /* 0: no process */
	int pidfd;
	uint64_t started_ns;
	uint32_t quick_deaths;
	bool retired; /* we ended it, because it is to be elsewhere */
};

/*
 * admin_address(text, ret_address, why):
 * Where it is to listen: a loopback address or a Unix path. Returns 0, or
 * -EINVAL with the line in ${why}. Pure.
 */
int admin_address(
    const char *text, struct address *ret_address, struct reason *why);

/* admin_check(config, why): could it listen there? See listener_check(). */
int admin_check(const struct config *config, struct reason *why);

/*
 * admin_open(admin, master, why):
 * Bind the configured address, if any. Nothing runs yet. Returns 0, or -errno
 * with the line in ${why}.
 */
int admin_open(struct admin *admin, struct master *master, struct reason *why);

/* admin_start(admin): the process, if wanted. Failing that, later again. */
void admin_start(struct admin *admin);

/*
 * admin_follow(admin, config):
 * After a reload: start, move or end it if ${config} says otherwise than
 * before. An address that can't be had is told, and it stays where it is.
 */
void admin_follow(struct admin *admin, const struct config *config);

/* admin_tell(admin): log where the page is, if anywhere. */
void admin_tell(const struct admin *admin);

/*
 * admin_close(admin): end it at once and for good. A zeroed or closed one is
 * fine. Waits for its death, so it is for the very end.
 */
void admin_close(struct admin *admin);

#endif
