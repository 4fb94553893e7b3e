/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose rights a pool's workers have.
 */
#ifndef MASTER_IDENTITY_H
#define MASTER_IDENTITY_H

#include "master/reason.h"

#include <stdbool.h>
#include <sys/types.h>

struct config;

/* Of one pool. */
struct identity {
	bool change; /* false: the master's own, and nothing else is set */
	uid_t uid;
	gid_t gid;
	char user[64]; /* whose further groups come along; or "" */
};

/*
 * identity_resolve(config, why):
 * Look up each pool's user and group, names or numbers, and set its identity.
 * Returns 0, or -EINVAL with the line in ${why}: there is no such user, or it
 * isn't ours to give. Asks the system's user database: for the start and a
 * reload only.
 */
int identity_resolve(struct config *config, struct reason *why);

/*
 * identity_find_group(text, ret_gid): a name or a number. 0 or -ENOENT. Asks
 * the system's user database.
 */
int identity_find_group(const char *text, gid_t *ret_gid);

/*
 * identity_assume(identity): become it, for good. Between fork and exec only.
 * Returns 0 or -errno.
 */
int identity_assume(const struct identity *identity);

#endif
