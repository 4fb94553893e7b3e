/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who hangs? The master looks at the words that each worker's loop publishes,
 * and asks the kernel whether the process is stopped. What it finds is a
 * suspicion: it is told, new connections avoid the worker, and at hang-limit
 * the worker is aborted; only its pidfd says that it is dead.
 *
 * A worker that isn't asleep is to begin a new turn of its loop before long.
 * One that says that it sleeps is woken now and then, to see that it does. And
 * one that is offered connections is to take them or refuse them. Time
 * counts only while we look, so neither a master that was held up nor a machine
 * that was asleep makes a worker late.
 *
 * A worker that refuses connections (its modules may have used up its
 * descriptors) is told of. If it has only refused for hang-limit it is
 * recycled: it may well finish what it has. Should that not come about within
 * the same time again, although nobody else is just retiring, it is aborted.
 */
#ifndef MASTER_WATCH_H
#define MASTER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WATCH_AWAKE_MS = 50,      /* between looks while any worker is awake */
	WATCH_ASLEEP_MS = 200,    /* while all sleep */
	WATCH_PING_MS = 10000,    /* after that a sleeper is woken */
	WATCH_REFUSAL_MS = 60000, /* between lines about its refusals */
};

struct master;
struct worker;

struct watch {
	uint64_t turn;      /* of its loop, when we looked last */
	uint64_t looked_ns; /* 0: never */
	uint64_t still_ns;  /* without progress for so long */
	uint64_t answers;   /* to offers, when we looked last */
	uint64_t owing_ns;  /* offered connections, and no answer for so long */
	uint64_t warn_ns;   /* the next warning is due then */
	uint64_t quiet_ns;  /* asleep in the same turn for so long */
	uint64_t taken;     /* of its offers, when we looked last */
	uint64_t refused;
	uint64_t refused_ns;  /* its last refusal in a row; 0: none */
	uint64_t refusing_ns; /* it has only refused for so long */
	uint64_t refusal_ns;  /* not before is the next line about it due */
	bool refuses;         /* since we judged it last */
	bool asked;           /* a PING is to wake it */
	bool stopped;         /* by a signal, says the kernel */
	bool warned;
};

/* What a look at a worker's words found. */
struct watch_sight {
	bool asleep;
	uint64_t turn;
	uint64_t turn_ns; /* when it began */
	bool owing;       /* it has been offered connections */
	uint64_t answers; /* of its to offers, so far */
	uint64_t taken;   /* of what it was offered, so far */
	uint64_t refused;
};

void watch_init(struct master *master);

/* watch_begin(watch): a new incarnation. */
void watch_begin(struct watch *watch);

/* watch_start(master): look from now on, again and again. */
void watch_start(struct master *master);

/*
 * watch_refresh(master): look now, before workers are chosen; warns nobody.
 */
void watch_refresh(struct master *master);

/*
 * watch_update(watch, sight, now_ns):
 * One look. Afterwards watch_late() tells for how long there has been no
 * progress, and refusing_ns for how long it has only refused. Pure.
 */
void watch_update(
    struct watch *watch, const struct watch_sight *sight, uint64_t now_ns);

/* watch_late(watch): without progress or answer for so long. */
static inline uint64_t
watch_late(const struct watch *watch)
{
	return (watch->still_ns > watch->owing_ns ? watch->still_ns
						  : watch->owing_ns);
}

#endif
