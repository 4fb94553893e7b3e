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
	QUARANTINE_BUILD = 80,       /* a build id, or what stands for it */
};

struct culprit;
struct pool;
struct worker;

/* One module's past, in one pool. */
struct quarantine_module {
	struct pool *pool;
	uint32_t id;
	char build[QUARANTINE_BUILD]; /* of its file, when the pool was made */
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

/*
 * quarantine_init(pool): nothing is known, but for the builds of its modules.
 * quarantine_fini(pool): stop its timers.
 */
void quarantine_init(struct pool *pool);
void quarantine_fini(struct pool *pool);

/*
 * quarantine_carry(pool, heir):
 * What is known of the modules of ${pool} holds for those of ${heir} with the
 * same name: the same file and build with the same settings stays where it is,
 * anything else has been pardoned. Logs what that releases if ${tell}. Again
 * is fine.
 */
void quarantine_carry(struct pool *pool, struct pool *heir, bool tell);

/*
 * quarantine_go_on(module): one that is under quarantine already is released
 * when quarantine-release is over, counted from its since_ns.
 */
void quarantine_go_on(struct quarantine_module *module);

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
 * quarantine_impose(pool, module), quarantine_lift(pool, module, why):
 * By the operator, by name of the cause. False when it is so already.
 */
bool quarantine_impose(struct pool *pool, uint32_t module);
bool quarantine_lift(struct pool *pool, uint32_t module, const char *why);

/* quarantine_unloadable(pool): what new workers don't load, a bit each. */
uint32_t quarantine_unloadable(const struct pool *pool);

/* quarantine_tell(pool): all that serve hear what is under quarantine. */
void quarantine_tell(struct pool *pool);

/*
 * quarantine_message(worker, ret_body): what ${worker} is to be told: those
 * under quarantine, and those that it hasn't loaded.
 */
void quarantine_message(
    const struct worker *worker, struct message_quarantine *ret_body);

#endif
