/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling systemd how we are (sd_notify(3)): started, reloading, stopping, a
 * line of figures, and that the loop turns. Without systemd all of it does
 * nothing.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include "master/loop.h"

enum {
	NOTIFY_STATUS_MS = 1000, /* between two status lines, at least */
	NOTIFY_STATUS = 512,
	NOTIFY_FAILURE = 256,
	NOTIFY_STOP_MARGIN_S = 15, /* on top of the drain limit */
};

struct master;
struct listener;

struct notify {
	bool wanted;          /* there is somebody to tell */
	uint64_t watchdog_ms; /* tell so often that we live; 0: never */
	struct loop_timer watchdog;
	struct loop_timer status;
	char told[NOTIFY_STATUS];           /* the last status line */
	char reload_failed[NOTIFY_FAILURE]; /* why, or "" */
};

/* notify_open(master): from now on the loop tells that it turns. */
void notify_open(struct master *master);

/* notify_close(master): its timers are out of the loop. */
void notify_close(struct master *master);

/* notify_ready(master): all first workers serve. */
void notify_ready(struct master *master);

/*
 * notify_reloading(master): a reload begins. systemd waits for
 * notify_reloaded(master, failure), which is due whatever comes of it:
 * ${failure} is NULL, or one line that says why the old configuration still
 * serves.
 */
void notify_reloading(struct master *master);
void notify_reloaded(struct master *master, const char *failure);

/*
 * notify_stopping(master): we end, and systemd shall wait for as long as the
 * workers may take to finish.
 */
void notify_stopping(struct master *master);

/*
 * notify_store(fd, name), notify_forget(name):
 * Have systemd keep a copy of ${fd} under ${name} for whoever is started after
 * us, or let go of it.
 */
void notify_store(int fd, const char *name);
void notify_forget(const char *name);

#endif
