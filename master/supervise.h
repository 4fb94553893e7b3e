/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One worker's birth and death, as a table of states and events. The worker's
 * number is its own as long as its pool lives; each process under it is a new
 *incarnation with a new segment.
 *
 *	          spawn            MAPPED            READY
 *	  DOWN ----------> BOOTING -------> LOADING -------> SERVING
 *	   ^                  |                |              |   | retire
 *	   |                  |                |         stop |   v
 *	   | pidfd            | failed, late,  |  nonsense,   | RETIRING
 *	   | readable         | nonsense       |  hung up     v   | stop
 *	   |                  |                |          DRAINING<'
 *	   |                  v                v              |
 *	   '---- (from any) DYING <-----------(from any)------'
 *
 * The one way from a process to DOWN is its pidfd: death is what the kernel
 * says. supervise.c has the table.
 */
#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include "master/connections.h"
#include "master/loop.h"
#include "master/reason.h"
#include "master/watch.h"
#include "shm/message.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <sys/types.h>

enum worker_state {
	WORKER_DOWN = 0, /* no process; perhaps waiting for its next start */
	WORKER_BOOTING,  /* it maps its segment */
	WORKER_LOADING,  /* sealed; it loads its modules */
	WORKER_SERVING,  /* it may be given connections */
	WORKER_RETIRING, /* replaced: asked to give its connections back */
	WORKER_DRAINING, /* asked to finish and end */
	WORKER_DYING,    /* failed or killed: its end is awaited */
	WORKER_STATES
};

enum worker_event {
	WORKER_START,     /* begin an incarnation */
	WORKER_STILLBORN, /* it could not be made */
	WORKER_MAPPED,    /* it says so */
	WORKER_READY,     /* it says so */
	WORKER_FAILED,    /* it says so, and why */
	WORKER_HUNG_UP,   /* its socket is at its end */
	WORKER_NONSENSE,  /* it broke the protocol */
	WORKER_TIMEOUT,   /* its timer: what it means depends on the state */
	WORKER_HUNG,      /* it makes no progress, see watch.h */
	WORKER_RETIRE,    /* another one has taken its place */
	WORKER_STOP,      /* the server ends, in order */
	WORKER_KILL,      /* the server ends, now */
	WORKER_DIED,      /* its pidfd is readable */
	WORKER_EVENTS
};

/* pool.c and spare.c say who is which. */
enum worker_role {
	WORKER_REGULAR = 0,
	WORKER_SPARE,   /* given nothing while a regular one can take it */
	WORKER_RESERVE, /* not started, but to replace one that is recycled */
};

enum {
	SUPERVISE_HEALTHY_MS = 10 * 1000, /* so old, its past is forgiven */
	SUPERVISE_QUICK_MS = 1000,        /* dead so soon after READY: quick */
	SUPERVISE_BACKOFF_MS = 100,       /* doubled for each quick death */
	SUPERVISE_BACKOFF_MAX_MS = 10 * 1000,
	SUPERVISE_LINGER_MS = 1000, /* from hanging up to being dead */
};

struct master;
struct pool;

struct worker {
	struct master *master;
	struct pool *pool;
	uint32_t number;      /* from 1; no other's, of any pool */
	uint32_t incarnation; /* of the master's all, from 1 */
	enum worker_role role;
	enum worker_state state;
	pid_t pid; /* 0: no process */
	int pidfd;
	int socket;
	struct loop_source death;   /* pidfd */
	struct loop_source channel; /* socket */
	struct loop_timer timer;    /* the state's limit, or the backoff */
	struct segment_fds segment_fds;
	struct segment view; /* read-only, from MAPPED to its death */
	uint64_t started_ns;
	uint64_t ready_ns; /* 0: not yet */
	uint32_t quick_deaths;
	struct reason failure; /* FAILED's text, or why it was stillborn */
	unsigned owed;         /* enum channel_debt: its socket was full */
	bool hung;             /* aborted because of that */
	bool choked;           /* aborted because it only refused connections */
	bool killed;           /* by our SIGKILL */
	bool retired;          /* asked to end, so its end is no news */
	bool recycle;          /* it is to be replaced */
	bool forgiven; /* its death at the start: a module's, which it was */
	uint32_t
	    unloaded; /* modules that it was told not to load, a bit each */
	struct build_ids *builds; /* its modules'; NULL: not known */
	struct watch watch;

	/* Hand-over; master/handoff.c and master/balance.c. */
	struct connection_owner owner;
	struct connection *batch[MESSAGE_CONNECTIONS];
	size_t batched;
	bool blocked;         /* its socket is full */
	bool stalled;         /* says watch.c: given nothing */
	uint64_t rest_ns;     /* after a refusal: not chosen before then */
	uint32_t load;        /* published by it, clamped to its connections */
	uint64_t bad_reports; /* about what it doesn't own */
};

/* What to do in a state when something happens, and the state after. */
enum supervise_action {
	SUPERVISE_NOTHING,
	SUPERVISE_SPAWN,  /* make a segment and a process, send BOOT */
	SUPERVISE_RETRY,  /* no process came of it: plan the next */
	SUPERVISE_SEAL,   /* seal its segment, send START */
	SUPERVISE_SERVE,  /* give it connections */
	SUPERVISE_LINGER, /* it ends by itself, or is killed soon */
	SUPERVISE_LATE,   /* it overstayed: say so, then kill */
	SUPERVISE_KILL,
	SUPERVISE_ABORT,  /* SIGABRT, and SIGKILL if that doesn't help */
	SUPERVISE_RETIRE, /* send RETIRE */
	SUPERVISE_DRAIN,  /* send DRAIN */
	SUPERVISE_CANCEL, /* give up the next start */
	SUPERVISE_BURY,   /* report, recover, let go, plan the next */
};

struct supervise_step {
	enum worker_state next;
	enum supervise_action action;
};

/* supervise_step(state, event): the table. Pure. */
struct supervise_step supervise_step(
    enum worker_state state, enum worker_event event);

/* supervise_state_name(state): "serving". */
const char *supervise_state_name(enum worker_state state);

/*
 * supervise_backoff(quick_deaths):
 * How many milliseconds to wait before the next start: the first quick death
 * may be an accident, those after it wait longer each time. Pure.
 */
uint32_t supervise_backoff(uint32_t quick_deaths);

/* supervise_init(worker, pool, number): DOWN, nothing open. */
void supervise_init(struct worker *worker, struct pool *pool, uint32_t number);

/*
 * supervise_event(worker, event):
 * Move the worker by the table. What a worker's change means for the server
 * is told by server_worker_serving() and server_worker_down().
 */
void supervise_event(struct worker *worker, enum worker_event event);

/*
 * supervise_finish(worker):
 * Whatever its state: kill it, leave its end to let_go(), free all it has.
 */
void supervise_finish(struct worker *worker);

#endif
