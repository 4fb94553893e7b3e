/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules that crash too often are put under quarantine: workers don't call
 * them any more, requests that need one get 503, and everything else goes on.
 */
#ifndef MASTER_QUARANTINE_H
#define MASTER_QUARANTINE_H

#include "master/loop.h"
#include "shm/layout.h"
#include "shm/message.h"

#include <stdbool.h>

enum {
	QUARANTINE_CRASHES_MAX = 64, /* that are remembered, of one module */
	QUARANTINE_RETRY_S = 60,     /* Retry-After when there is no release */
};

struct culprit;
struct master;
struct worker;

/* One module's past. */
struct quarantine_module {
	struct master *master;
	uint32_t id;
	uint64_t times_ns[QUARANTINE_CRASHES_MAX]; /* the last, a ring */
	uint64_t crashes;                          /* so far */
	uint64_t pardoned; /* of these, before its last release */
	bool active;       /* under quarantine */
	bool unloadable;   /* it crashed while it was loaded */
	uint64_t since_ns; /* active: since then */
	struct loop_timer release;
};

struct quarantine {
	struct quarantine_module modules[SEGMENT_MODULES_MAX];
};

void quarantine_init(struct master *master);

/*
 * quarantine_count(module, now_ns, window_ns): how many of its crashes that
 * weren't pardoned are at most so old. Pure.
 */
uint32_t quarantine_count(const struct quarantine_module *module,
    uint64_t now_ns, uint64_t window_ns);

/*
 * quarantine_crash(worker, culprit):
 * ${worker} died with this culprit. True when the death was at the server's
 * start, while the module was loaded, and the server can start without it.
 */
bool quarantine_crash(struct worker *worker, const struct culprit *culprit);

/*
 * quarantine_impose(master, module), quarantine_lift(master, module, why):
 * By the operator, by name of the cause. False when it is so already.
 */
bool quarantine_impose(struct master *master, uint32_t module);
bool quarantine_lift(struct master *master, uint32_t module, const char *why);

/* quarantine_unloadable(master): what new workers don't load, a bit each. */
uint32_t quarantine_unloadable(const struct master *master);

/*
 * quarantine_message(worker, ret_body): what ${worker} is to be told: those
 * under quarantine, and those that it hasn't loaded.
 */
void quarantine_message(
    const struct worker *worker, struct message_quarantine *ret_body);

#endif
