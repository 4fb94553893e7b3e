/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bulkhead-admin knows: once a second it asks the master, reads the
 * segments, and keeps the result for whoever wants to see it. So a reader
 * waits for nobody, and a hundred readers cost the server what one costs.
 */
#ifndef SHM_ADMIN_WATCHER_H
#define SHM_ADMIN_WATCHER_H

#include "shm/admin/history.h"
#include "shm/admin/reports.h"
#include "shm/ctl/collect.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	WATCHER_PATIENCE_MS = 2000,     /* for one look */
	WATCHER_STALE_MS = 5000,        /* so old, it says nothing of now */
	WATCHER_REPORTS_MS = 30 * 1000, /* also when nobody died */
	WATCHER_NEWS_MS = 2000, /* so soon after a death more may be known */
	WATCHER_TROUBLE = 256,
};

/* One look at the server. Never changed once it is there. */
struct snapshot {
	unsigned references; /* under the watcher's lock */
	uint64_t taken_ns;
	struct collect_status status;
};

struct watcher {
	struct collect_link master;
	/* Only the thread that watches. */
	uint64_t reports_ns;
	uint64_t deaths_seen;
	uint64_t death_ns; /* when the last one was seen */
	bool told;         /* of trouble, until it is over */

	pthread_mutex_t lock;     /* of all that follows */
	struct snapshot *current; /* NULL: none yet */
	struct history history;
	struct reports reports;
	char trouble[WATCHER_TROUBLE]; /* why there is none newer, or empty */
};

/*
 * watcher_init(watcher, control): ${control} stays the caller's. 0 or -errno.
 */
int watcher_init(struct watcher *watcher, int control);

/*
 * watcher_look(watcher): one look. What goes wrong is remembered, and told in
 * the log once. False when the master is gone.
 */
bool watcher_look(struct watcher *watcher);

/*
 * watcher_wait(watcher, until_ns): until then, or false when the master is
 * gone.
 */
bool watcher_wait(const struct watcher *watcher, uint64_t until_ns);

/*
 * watcher_borrow(watcher): the newest snapshot, or NULL;
 * watcher_return(watcher, snapshot) when done. Any thread.
 */
struct snapshot *watcher_borrow(struct watcher *watcher);
void watcher_return(struct watcher *watcher, struct snapshot *snapshot);

/* watcher_stale(snapshot): is it too old to speak of now? */
bool watcher_stale(const struct snapshot *snapshot);

#endif
