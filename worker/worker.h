/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one struct of a worker process, passed down everywhere. Only the API
 * functions, which modules call without it, find it through worker_self.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "shm/activity.h"
#include "shm/ring.h"
#include "shm/segment.h"
#include "shm/stats.h"
#include "worker/module.h"
#include "worker/site.h"
#include "worker/sandbox.h"

#include <stdbool.h>
#include <stdint.h>

struct access_log;
struct conn;
struct engine;
struct link;
struct offload;
struct request;
struct stack_pool;

/* BOOT's struct message_limits, times in nanoseconds. */
struct worker_limits {
	uint64_t idle_ns;      /* between requests */
	uint64_t head_ns;      /* from a request's first byte to its last */
	uint64_t body_ns;      /* without a byte of the body */
	uint64_t send_ns;      /* without a byte being taken */
	uint64_t linger_ns;    /* for the peer's FIN after ours */
	uint64_t pending_ns;   /* for a ticket to be posted */
	uint64_t orphan_ns;    /* for what there is when the master is gone */
	uint64_t body_max;     /* bytes of a request's body: 413 beyond */
	uint64_t buffered_max; /* bytes of a response before it is flushed */
	uint64_t discard_max;  /* unread body bytes worth reading to the end */
	uint32_t offload_threads; /* most that run modules' work at once */
};

/* The callback that is running; parked ones are kept by their own stacks. */
struct running {
	struct request *request;
	struct bh_registration *module;
};

/* What most responses' heads begin with; made once a second. */
struct worker_head {
	uint64_t made_s;
	size_t length;
	char text[104];
};

struct worker {
	struct segment segment;
	struct ring ring;
	struct ring_consumer consumer;
	struct ring_producer producer; /* of the dispatch thread */
	struct modules modules;
	struct sites sites;
	struct engine *engine;
	struct link *link; /* to the master */
	struct access_log *access_log; /* or NULL */
	struct stack_pool *stacks;
	struct offload *offload;
	_Atomic uint64_t *stats;
	struct activity *activity; /* of the dispatch thread */
	struct running running;
	struct worker_limits limits;
	struct sandbox_policy sandbox;

	struct conn *conns;  /* by slot */
	uint32_t conns_used; /* slots below this have been used */
	uint32_t conns_open;
	uint32_t sweep;         /* next slot whose time limit is checked */
	uint64_t sweep_ns;      /* when */
	uint32_t *free_buffers; /* a stack */
	uint32_t free_buffer_count;
	struct request *free_requests;
	uint32_t free_request_count;
	uint32_t request_count; /* requests so far: the next id's count */

	uint64_t now_ns;     /* of this turn */
	uint64_t turn_ticks; /* the same by ticks.h */
	uint64_t last_ticks; /* when the last callback ended */
	struct worker_head head;
	bool draining; /* finish what there is, take nothing new */
	bool retiring; /* the same, but connections go back to the master */
	bool master_gone;
	uint64_t give_up_ns; /* when an orphan ends, whatever is left; or 0 */
	int wake_fd;         /* eventfd of the ring */
};

/* The process's worker, for the API. */
extern struct worker *worker_self;

/*
 * worker_adopt(worker):
 * Make ${worker} the process's, and the calling thread its dispatch thread.
 */
void worker_adopt(struct worker *worker);

/* What this thread says it does; NULL on one that isn't ours. */
extern _Thread_local struct activity *worker_thread_activity;

/* worker_on_dispatch_thread(): may this thread touch the worker? */
extern _Thread_local bool worker_is_dispatch_thread;
static inline bool
worker_on_dispatch_thread(void)
{
	return (worker_is_dispatch_thread);
}

#define WORKER_STAT_ADD(worker, name, by) \
	stat_add(&(worker)->stats[STAT_##name], (by))

#endif
