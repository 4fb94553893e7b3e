/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one struct of the master process: all its state, passed down to whoever
 * needs it.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "master/acceptor.h"
#include "master/activation.h"
#include "master/admin.h"
#include "master/config.h"
#include "master/connections.h"
#include "master/control.h"
#include "master/generation.h"
#include "master/handoff.h"
#include "master/leave.h"
#include "master/loop.h"
#include "master/oom.h"
#include "master/notify.h"
#include "master/pool.h"
#include "master/reload.h"
#include "master/server.h"
#include "master/signals.h"
#include "master/supervise.h"
#include "master/upgrade.h"
#include "shm/retired.h"

/* In this order and never back. server.c is the only one to change it. */
enum master_phase {
	MASTER_STARTING, /* until all first workers serve */
	MASTER_SERVING,
	MASTER_STOPPING, /* no longer listening; the queue is handed over */
	MASTER_DRAINING, /* the workers finish */
	MASTER_ENDING,   /* the workers are killed */
};

struct master {
	const struct config *config; /* the generation's that serves */
	struct config_source source; /* where a reload gets the next one */
	struct loop loop;
	struct signals signals;
	struct notify notify;
	struct activation *activation; /* while starting; or NULL */
	struct acceptor acceptor;
	struct control control;
	struct admin admin;
	struct connections connections;
	struct handoff handoff;
	SLIST_HEAD(, wreck) wrecks;
	LIST_HEAD(, report) reports; /* that aren't written yet */
	struct generation_list generations;
	struct pool_list pools;        /* of all generations */
	struct generation *generation; /* that serves, or starts the server */
	struct reload reload;
	struct upgrade upgrade;
	uint32_t generation_numbers; /* so far */
	uint32_t incarnations;       /* so far */
	uint32_t workers_max;        /* that descriptors are reserved for */
	size_t worker_descriptors;   /* a worker's limit of them; 0: ours */
	enum master_phase phase;
	int exit_code;
	struct loop_timer watch_timer;
	struct loop_timer recycle_timer;
	struct loop_timer reap_timer;
	struct loop_timer stop_timer; /* the queue's limit in STOPPING */
	int log_level; /* the configuration's, or the operator's */
	struct leave leave;
	struct oom oom;
	struct retired retired; /* what dead workers have counted */
	bool reports_fail;      /* said once, until it works again */
	uint64_t started_ns;
	uint64_t workers_started;
	uint64_t workers_died; /* other than by drain */
};

#endif
