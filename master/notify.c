/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to systemd. Each is one datagram that systemd reads at once; a
 * machine whose systemd doesn't read any more has nobody who would restart us.
 */
#include "master/notify.h"

#include "master/master.h"
#include "shm/base/clock.h"

#include <bsd/string.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum {
	US_PER_MS = 1000,
};

static void
watchdog_due(struct loop_timer *timer)
{
	struct master *master = timer->owner;

	(void)sd_notify(0, "WATCHDOG=1");
	loop_timer_set(&master->loop, timer, master->notify.watchdog_ms);
}

static const char *
phase_text(const struct master *master)
{
	switch (master->phase) {
	case MASTER_STARTING:
		return ("Starting");
	case MASTER_SERVING:
		return (master->leave.begun ? "Leaving" : "Serving");
	default:
		return ("Stopping");
	}
}

static void
tell_status(struct master *master)
{
	struct notify *notify = &master->notify;
	char text[NOTIFY_STATUS];

	(void)snprintf(text, sizeof(text),
	    "%s: %u workers ready, %zu connections open, %" PRIu64
	    " accepted, %" PRIu64 " workers died%s%s",
	    phase_text(master),
	    (unsigned)server_count_workers(master, WORKER_SERVING),
	    master->connections.open, master->acceptor.accepted,
	    master->workers_died, notify->reload_failed[0] != '\0' ? "; " : "",
	    notify->reload_failed);
	if (strcmp(text, notify->told) == 0)
		return;
	(void)strlcpy(notify->told, text, sizeof(notify->told));
	(void)sd_notifyf(0, "STATUS=%s", text);
}

static void
status_due(struct loop_timer *timer)
{
	struct master *master = timer->owner;

	tell_status(master);
	loop_timer_set(&master->loop, timer, NOTIFY_STATUS_MS);
}

void
notify_open(struct master *master)
{
	struct notify *notify = &master->notify;
	uint64_t watchdog_us = 0;

	memset(notify, 0, sizeof(*notify));
	notify->watchdog.owner = master;
	notify->watchdog.handle = watchdog_due;
	notify->status.owner = master;
	notify->status.handle = status_due;
	if (master->config->check || getenv("NOTIFY_SOCKET") == NULL)
		return;
	notify->wanted = true;
	if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
		notify->watchdog_ms = watchdog_us / 2 / US_PER_MS;
		if (notify->watchdog_ms == 0)
			notify->watchdog_ms = 1;
		watchdog_due(&notify->watchdog);
	}
}

void
notify_close(struct master *master)
{
	loop_timer_clear(&master->loop, &master->notify.watchdog);
	loop_timer_clear(&master->loop, &master->notify.status);
}

void
notify_ready(struct master *master)
{
	if (!master->notify.wanted)
		return;
	(void)sd_notify(0, "READY=1");
	status_due(&master->notify.status);
}

void
notify_reloading(struct master *master)
{
	if (!master->notify.wanted)
		return;
	/* Newer ones than 252 want to know which reload this answers. */
	(void)sd_notifyf(0,
	    "RELOADING=1\nMONOTONIC_USEC=%" PRIu64
	    "\nSTATUS=Reloading the configuration",
	    clock_now() / (CLOCK_NS_PER_MS / US_PER_MS));
	master->notify.told[0] = '\0';
}

void
notify_reloaded(struct master *master, const char *failure)
{
	struct notify *notify = &master->notify;

	if (!notify->wanted)
		return;
	notify->reload_failed[0] = '\0';
	if (failure != NULL)
		(void)snprintf(notify->reload_failed,
		    sizeof(notify->reload_failed), "the last reload failed: %s",
		    failure);
	/* Who fails may be a module, and a new line would be a new message. */
	for (char *at = notify->reload_failed; *at != '\0'; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	notify_ready(master);
}

void
notify_stopping(struct master *master)
{
	const struct config *config = master->config;
	uint64_t limit_ms = 0;

	if (!master->notify.wanted)
		return;
	for (uint32_t i = 0; i < config->pool_count; i++)
		if (config->pools[i]->drain_limit_ms > limit_ms)
			limit_ms = config->pools[i]->drain_limit_ms;
	(void)sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
	    (limit_ms + NOTIFY_STOP_MARGIN_S * 1000) * US_PER_MS);
	tell_status(master);
}

void
notify_store(int fd, const char *name)
{
	char text[NOTIFY_STATUS];

	/* A listening socket never hangs up, so there is nothing to poll. */
	(void)snprintf(
	    text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	(void)sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

void
notify_forget(const char *name)
{
	(void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}
