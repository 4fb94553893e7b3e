/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs in bulkhead-admin's main thread, but for borrowing.
 */
#include "shm/admin/watcher.h"

#include "shm/base/clock.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int
watcher_init(struct watcher *watcher, int control)
{
	memset(watcher, 0, sizeof(*watcher));
	watcher->master.socket = control;
	watcher->master.wants = COLLECT_REQUESTS | COLLECT_RECORDER;
	(void)pthread_mutex_init(&watcher->lock, NULL); /* can't fail */
	return (history_init(&watcher->history));
}

/* Under the lock. */
static void
release(struct snapshot *snapshot)
{
	if (snapshot == NULL || --snapshot->references > 0)
		return;
	collect_free(&snapshot->status);
	free(snapshot);
}

struct snapshot *
watcher_borrow(struct watcher *watcher)
{
	struct snapshot *snapshot;

	(void)pthread_mutex_lock(&watcher->lock);
	snapshot = watcher->current;
	if (snapshot != NULL)
		snapshot->references++;
	(void)pthread_mutex_unlock(&watcher->lock);
	return (snapshot);
}

void
watcher_return(struct watcher *watcher, struct snapshot *snapshot)
{
	(void)pthread_mutex_lock(&watcher->lock);
	release(snapshot);
	(void)pthread_mutex_unlock(&watcher->lock);
}

bool
watcher_stale(const struct snapshot *snapshot)
{
	return (snapshot == NULL || clock_now() - snapshot->taken_ns >
					WATCHER_STALE_MS * CLOCK_NS_PER_MS);
}

static uint64_t
wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* can't fail */
	return ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static void
publish(struct watcher *watcher, struct snapshot *snapshot)
{
	(void)pthread_mutex_lock(&watcher->lock);
	/* No point in time is lost for want of memory but this one. */
	(void)history_add(&watcher->history, &snapshot->status, wall_ms());
	release(watcher->current);
	watcher->current = snapshot;
	watcher->trouble[0] = '\0';
	(void)pthread_mutex_unlock(&watcher->lock);
	if (watcher->told)
		log_info("the master answers again");
	watcher->told = false;
}

static void
note_trouble(struct watcher *watcher, const char *text)
{
	(void)pthread_mutex_lock(&watcher->lock);
	(void)strlcpy(watcher->trouble, text, sizeof(watcher->trouble));
	(void)pthread_mutex_unlock(&watcher->lock);
	if (!watcher->told)
		log_warn("%s", text);
	watcher->told = true;
}

static int
look_at_status(struct watcher *watcher)
{
	struct snapshot *snapshot;
	char error[WATCHER_TROUBLE];
	int status;

	snapshot = calloc(1, sizeof(*snapshot));
	if (snapshot == NULL)
		return (-ENOMEM);
	status = collect_ask(&watcher->master, WATCHER_PATIENCE_MS,
	    &snapshot->status, error, sizeof(error));
	if (status != 0) {
		free(snapshot);
		note_trouble(watcher, error);
		return (status);
	}
	snapshot->references = 1;
	snapshot->taken_ns = clock_now();
	publish(watcher, snapshot);
	return (0);
}

static int
take_report(const char *id, int fd, void *argument)
{
	struct watcher *watcher = argument;
	int error;

	(void)pthread_mutex_lock(&watcher->lock);
	error = reports_add(&watcher->reports, id, fd);
	(void)pthread_mutex_unlock(&watcher->lock);
	return (error);
}

/*
 * They are files, so not every time: when one died, a while after that, for
 * what became of its connections is told later, and now and then.
 */
static bool
reports_due(struct watcher *watcher, uint64_t now)
{
	const uint64_t deaths = watcher->current->status.master.workers_died;
	uint64_t after_ms = WATCHER_REPORTS_MS;

	if (watcher->reports_ns == 0 || deaths != watcher->deaths_seen) {
		watcher->deaths_seen = deaths;
		watcher->death_ns = now;
		return (true);
	}
	if (now - watcher->death_ns < WATCHER_REPORTS_MS * CLOCK_NS_PER_MS)
		after_ms = WATCHER_NEWS_MS;
	return (now - watcher->reports_ns >= after_ms * CLOCK_NS_PER_MS);
}

static int
look_at_reports(struct watcher *watcher)
{
	const uint64_t now = clock_now();
	char error[WATCHER_TROUBLE];
	int status;

	if (!reports_due(watcher, now))
		return (0);
	watcher->reports_ns = now;
	(void)pthread_mutex_lock(&watcher->lock);
	reports_begin(&watcher->reports);
	(void)pthread_mutex_unlock(&watcher->lock);
	status = collect_ask_crashes(&watcher->master, WATCHER_PATIENCE_MS,
	    take_report, watcher, error, sizeof(error));
	if (status != 0) {
		note_trouble(watcher, error);
		return (status);
	}
	(void)pthread_mutex_lock(&watcher->lock);
	reports_end(&watcher->reports);
	(void)pthread_mutex_unlock(&watcher->lock);
	return (0);
}

bool
watcher_look(struct watcher *watcher)
{
	int error;

	error = look_at_status(watcher);
	if (error == 0)
		error = look_at_reports(watcher);
	return (error != -ECONNRESET && error != -EPIPE);
}

bool
watcher_wait(const struct watcher *watcher, uint64_t until_ns)
{
	struct pollfd hangup = { .fd = watcher->master.socket };
	uint64_t now;

	while ((now = clock_now()) < until_ns)
		if (poll(&hangup, 1,
			(int)((until_ns - now) / CLOCK_NS_PER_MS) + 1) == 1)
			return (false);
	return (true);
}
