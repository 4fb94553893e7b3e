/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole state of a master that serves, for the image that follows it:
 * generations, pools, workers, connections, wrecks, listeners, figures. What
 * begins anew: timers, watches, the clients of the control socket, and
 * bulkhead-admin.
 */
#ifndef MASTER_KEPT_MASTER_H
#define MASTER_KEPT_MASTER_H

#include "master/kept.h"
#include "master/reason.h"

#include <jansson.h>

struct master;
struct pool;

enum {
	KEPT_VERSION = 1 /* of the text */
};

/*
 * kept_master_is_calm(master):
 * Can it be written down now? Not while a worker is being started, is
 * dying or isn't reaped yet, and not while a generation is on trial.
 */
bool kept_master_is_calm(const struct master *master);

/* kept_master_save(master, kept): 0 or -ENOMEM. */
int kept_master_save(const struct master *master, struct kept *kept);

/*
 * kept_master_check(root, why):
 * Was it left by a program whose workers and segments we understand? 0, or
 * -EPROTO with the line in ${why}.
 */
int kept_master_check(const json_t *root, struct reason *why);

/*
 * kept_master_load(master, root, why):
 * Into a master that has a loop and nothing else. Nothing is accepted yet and
 * nothing is sent. Returns 0, or -errno with the line in ${why}; the caller
 * then leaves everything as it is, for another image.
 */
int kept_master_load(
    struct master *master, const json_t *root, struct reason *why);

/*
 * The parts. Wrecks and connections: after the pools and workers that they
 * belong to.
 */
json_t *kept_pool_save(const struct pool *pool, struct kept *kept);
int kept_pool_load(struct pool *pool, const json_t *object, struct reason *why);
int kept_connections_save(
    const struct master *master, json_t *root, struct kept *kept);
int kept_connections_load(
    struct master *master, const json_t *root, struct reason *why);

#endif
