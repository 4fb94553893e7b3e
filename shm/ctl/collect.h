/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that bulkheadctl shows, as private copies: asked of the master
 * over its control socket and read from the workers' segments, which may be
 * corrupt or change under us. What is copied here is bounded, and its text is
 * terminated; figures are whatever the segment says.
 */
#ifndef SHM_CTL_COLLECT_H
#define SHM_CTL_COLLECT_H

#include "shm/ctl/figures.h"
#include "shm/message.h"
#include "shm/slot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	COLLECT_WORKERS_MAX = 4096, /* more is not a server of ours */
	COLLECT_KEPT = 512,         /* descriptors kept until all is said */
	COLLECT_TIMEOUT_MS = 5000,  /* for the whole conversation */
	COLLECT_RELOAD_MS = 60 * 60 * 1000, /* the same for a reload */
	COLLECT_STEP_NAME = 64,
	COLLECT_MODULES_MAX = 16 * SEGMENT_MODULES_MAX, /* of all pools */
};

/* What a thread of a worker is doing. */
struct collect_activity {
	uint32_t thread; /* 0 is the dispatch loop */
	char module[SEGMENT_MODULE_NAME];
	char step[COLLECT_STEP_NAME];
	uint64_t request;
	uint64_t since_ns;
};

/* Where a request stands. */
enum collect_stand {
	COLLECT_RUNNING,      /* a callback runs for it */
	COLLECT_PENDING,      /* its module waits for a completion */
	COLLECT_READING_BODY, /* its module waits for more of its body */
	COLLECT_SENDING,      /* the client takes the answer */
	COLLECT_READING_HEAD, /* the client hasn't sent all of it */
	COLLECT_BETWEEN,      /* none of these, for a moment */
	COLLECT_STANDS
};

/* A request that isn't over. Texts are printable. */
struct collect_request {
	uint32_t worker;
	enum collect_stand stand;
	uint64_t request; /* its id; 0: it has none yet */
	uint64_t conn;    /* generation:32 | slot:32 */
	struct slot_peer peer;
	char text[SLOT_TEXT_WORDS * 8 + 1]; /* "GET /target", cut */
	char module[SEGMENT_MODULE_NAME];   /* or empty */
	char step[COLLECT_STEP_NAME];
	uint64_t since_ns; /* there, or in that callback */
	uint64_t started_ns;
	uint64_t served; /* requests before it on its connection */
	uint32_t replays;
};

/* What else is to be collected: more than figures takes longer. */
enum collect_wants {
	COLLECT_REQUESTS = 1u << 0,
	COLLECT_RECORDER = 1u << 1,
};

struct collect_worker {
	struct message_status_worker info;
	bool readable;  /* there was a segment, and it made sense */
	int segment_fd; /* the collector's own */
	char pool[FIGURES_POOL_NAME]; /* empty: there are no pools */
	struct figures figures;
	size_t activity_count;
	struct collect_activity activities[SEGMENT_ACTIVITIES];
	size_t request_count; /* if wanted */
	struct collect_request *requests;
	size_t entry_count; /* if wanted: the flight recorder's, oldest first */
	struct recorder_entry *entries;
};

struct collect_status {
	struct message_status_master master;
	size_t worker_count;
	struct collect_worker *workers;
	struct figures totals; /* gauges: of the workers that live */
	size_t module_count;
	struct message_status_module modules[COLLECT_MODULES_MAX];
	uint64_t now_ns; /* when it was collected */
	unsigned wants;  /* enum collect_wants: what there is of it */
	int retired_fd;  /* the collector's own */
};

/*
 * collect_default_path(ret_path, size):
 * Where a master that was started without --control listens, seen from this
 * process's user and environment. Returns 0 or -ENAMETOOLONG.
 */
int collect_default_path(char *ret_path, size_t size);

/* collect_default_state(ret_path, size): the same for its state-dir. */
int collect_default_state(char *ret_path, size_t size);

/*
 * collect_status(path, wants, ret_status, ret_error, error_size):
 * Ask the master at ${path}. Returns 0, and collect_free() is the caller's
 * duty; or -errno with a line about it in ${ret_error}.
 */
int collect_status(const char *path, unsigned wants,
    struct collect_status *ret_status, char *ret_error, size_t error_size);

/*
 * collect_command(path, command, ret_answer, ret_error, error_size):
 * Have the master at ${path} do something. Returns 0 with its answer, or
 * -errno with a line in ${ret_error} when there was none.
 */
int collect_command(const char *path, const struct message_command *command,
    struct message_answer *ret_answer, char *ret_error, size_t error_size);

/*
 * A conversation that goes on, for who asks again and again. The socket is
 * the caller's.
 */
struct collect_link {
	int socket;
	unsigned wants; /* enum collect_wants */
	bool owed;      /* the answer to an earlier question is still to come */
};

/*
 * collect_ask(link, patience_ms, ret_status, ret_error, error_size):
 * The same as collect_status(), over a socket that is connected. What came
 * too late for an earlier question is thrown away. -ECONNRESET or -EPIPE: the
 * master is gone.
 */
int collect_ask(struct collect_link *link, uint64_t patience_ms,
    struct collect_status *ret_status, char *ret_error, size_t error_size);

/*
 * collect_ask_crashes(link, patience_ms, take, argument, ret_error, size):
 * Call ${take} for each crash report, the oldest first, with its file open for
 * reading, which is closed afterwards. What it returns changes nothing. For
 * bulkhead-admin: the master tells nobody else.
 */
int collect_ask_crashes(struct collect_link *link, uint64_t patience_ms,
    int (*take)(const char *id, int fd, void *argument), void *argument,
    char *ret_error, size_t error_size);

/* collect_free(status): a cleared status is fine. */
void collect_free(struct collect_status *status);

#endif
