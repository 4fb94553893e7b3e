/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collecting a crash report. Runs in the master. The wreck may hold anything:
 * what is taken from it is checked, bounded, and made printable.
 */
#include "master/crash.h"

#include "master/master.h"
#include "master/peek.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"
#include "shm/wreck.h"

#include <bsd/string.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static void
tell_time(struct crash *crash)
{
	struct timespec now;
	struct tm tm;
	char text[CRASH_TIME];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(crash->time, sizeof(crash->time), "%.19s.%03dZ", text,
	    (int)(now.tv_nsec / 1000000));
	(void)strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &tm);
	(void)snprintf(crash->id, sizeof(crash->id), "%.15s.%06dZ-%u", text,
	    (int)(now.tv_nsec / 1000), (unsigned)crash->incarnation);
}

static void
tell_end(const siginfo_t *end, struct crash *crash)
{
	crash->core = end->si_code == CLD_DUMPED;
	if (end->si_code == CLD_KILLED || end->si_code == CLD_DUMPED)
		crash->signal = end->si_status;
	else
		crash->status = end->si_status;
}

/*
 * The next word of a line, printable, into CRASH_LINE bytes, and what it ended
 * at. Somebody may still write these bytes: each is loaded once.
 */
static size_t
take_word(const uint8_t *bytes, size_t size, char *ret_word, uint8_t *ret_end)
{
	size_t length;
	uint8_t byte = 0;

	for (length = 0; length < size; length++) {
		byte = __atomic_load_n(&bytes[length], __ATOMIC_RELAXED);
		if (byte == ' ' || byte == '\r' || byte == '\n' ||
		    length == CRASH_LINE - 1)
			break;
		ret_word[length] = byte > ' ' && byte < 0x7f ? (char)byte : '?';
	}
	ret_word[length] = '\0';
	*ret_end = byte;
	return (length);
}

/* The first two words of the request's bytes; nobody parses anything here. */
static void
tell_line(const struct worker *worker, const struct slot_request *request,
    struct crash *crash)
{
	const struct segment_geometry *geometry = &worker->view.geometry;
	const uint8_t *bytes, *from;
	size_t size, left, length;
	uint8_t end;

	if (request->buffer == 0 ||
	    wreck_map_buffers(
		worker->segment_fds.buffers, geometry, &bytes, &size) != 0)
		return;
	from = bytes + (size_t)(request->buffer - 1) * geometry->buffer_size +
	       request->offset;
	left = geometry->buffer_size - request->offset;
	length = take_word(from, left, crash->method, &end);
	if (length < left && end == ' ')
		(void)take_word(
		    from + length + 1, left - length - 1, crash->target, &end);
	(void)munmap((void *)(uintptr_t)bytes, size);
}

/* The connection whose request the culprit names, by our own table. */
static void
tell_request(const struct worker *worker, struct crash *crash)
{
	const struct connection *connection;
	struct slot_request request;
	enum slot_state state;

	TAILQ_FOREACH(connection, &worker->owner.list, link)
	{
		if (!wreck_slot(&worker->view, connection->slot,
			connection->generation, &state, &request) ||
		    request.request != crash->culprit.request)
			continue;
		address_format_peer(&connection->peer, crash->client);
		tell_line(worker, &request, crash);
		return;
	}
}

static void
tell_module(const struct worker *worker, struct crash *crash)
{
	const struct config_pool *config = worker->pool->config;
	const struct config_module *module;

	if (crash->culprit.module >= config->module_count)
		return;
	module = &config->modules[crash->culprit.module];
	(void)strlcpy(crash->file, module->path, sizeof(crash->file));
	/* Not of the file: it may have been replaced since. */
	(void)strlcpy(crash->build_id,
	    build_ids_get(worker->builds, crash->culprit.module),
	    sizeof(crash->build_id));
}

/* What else went on, beside the culprit. */
static void
tell_others(const struct worker *worker, struct crash *crash)
{
	struct culprit *other;
	uint32_t thread = 0;

	while (crash->other_count < CRASH_OTHERS) {
		other = &crash->others[crash->other_count];
		if (!culprit_find(&worker->view, thread, other))
			return;
		thread = other->thread + 1;
		crash->other_count += other->thread != crash->culprit.thread;
	}
}

static void
tell_culprit(const struct worker *worker, struct crash *crash)
{
	uint64_t now = clock_now(), since;

	crash->known = culprit_find_dead(worker, &crash->culprit);
	if (!crash->known)
		return;
	since = crash->culprit.since_ns;
	if (since >= worker->started_ns && since <= now)
		crash->callback_ns = now - since;
	tell_module(worker, crash);
	if (crash->culprit.request != 0)
		tell_request(worker, crash);
	tell_others(worker, crash);
}

/*
 * Its operations, of which there can be none before it loads modules: that it
 * has come so far we know by its READY. When the memory can't be right that is
 * a line of its own, since what else is told of this death may be wrong then.
 */
static void
tell_outstanding(const struct worker *worker, struct crash *crash)
{
	struct outstanding *out = &crash->outstanding;

	if (crash->loading && peek_is_blank(&worker->view))
		return;
	outstanding_collect(
	    &worker->view, &worker->master->connections, &worker->owner, out);
	if (out->segment != OUTSTANDING_CORRUPT)
		return;
	log_err("worker %u (pid %d): its memory can't be trusted, something "
		"wrote over it: %s: %" PRIu64 ", the first of %u violations",
	    (unsigned)crash->worker, (int)crash->pid,
	    out->violated == NULL ? "?" : out->violated, out->violated_at,
	    (unsigned)out->violations);
}

void
crash_collect(const struct worker *worker, const siginfo_t *end,
    enum cause cause, struct crash *ret_crash)
{
	struct crash *crash = ret_crash;

	memset(crash, 0, sizeof(*crash));
	crash->worker = worker->number;
	crash->incarnation = worker->incarnation;
	crash->pid = worker->pid;
	crash->cause = cause;
	crash->hung = worker->hung;
	crash->loading = worker->ready_ns == 0;
	crash->up_ns = clock_now() - worker->started_ns;
	(void)strlcpy(
	    crash->reason, worker->failure.text, sizeof(crash->reason));
	tell_time(crash);
	tell_end(end, crash);
	tell_culprit(worker, crash);
	tell_outstanding(worker, crash);
	if (worker->view.header != NULL)
		crash->entry_count =
		    recorder_read(&worker->view, CRASH_ENTRIES, crash->entries);
}
