/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: appending in the dispatch thread, writing in another.
 *
 *	dispatch thread                        the log's thread
 *	  line -> segment
 *	  wakes it when it sleeps  ---------->   waits LATENCY_MS for more, or
 *	  or when much has gathered ---------->  until much has gathered;
 *	                                         write(2); sleeps when all is
 *out
 */
#include "worker/access_log.h"

#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/line_log.h"
#include "shm/line_write.h"
#include "worker/access_format.h"
#include "worker/conn.h"
#include "worker/request.h"
#include "worker/ticks.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	LATENCY_MS = 200, /* that a line may wait for others */
	RETRY_MS = 1000,  /* when it couldn't be written */
	PATIENCE_MS = 20, /* for room, before a line is lost */
	STEP_US = 200,    /* of that */
};

struct access_log {
	const struct segment *segment;
	sem_t wake;
	pthread_t thread;
	_Atomic bool asleep;  /* post `wake` for the first line */
	_Atomic bool hurried; /* much has gathered, and it knows */
	_Atomic bool closing;
	_Atomic bool failing; /* its last write failed */
	_Atomic int next_fd;  /* to go on with; or -1 */
	_Atomic uint32_t kind;
	/* The dispatch thread's: */
	enum log_format format;
	uint64_t time_s; /* when `time` was made */
	struct access_time time;
	uint64_t full_ns; /* when it had no room; no waiting again at once */
	/* The log's thread's: */
	int fd;
};

/* --- The log's thread -------------------------------------------------- */

static void
take_next(struct access_log *log)
{
	int fd = atomic_exchange(&log->next_fd, -1);

	if (fd == -1)
		return;
	fd_close(&log->fd);
	log->fd = fd;
}

static void
tell(struct access_log *log, int error)
{
	const bool failed = error != 0;

	if (atomic_exchange(&log->failing, failed) == failed)
		return;
	if (failed)
		log_err("the access log can't be written: %s; its lines are "
			"kept as long as there is room",
		    strerror(-error));
	else
		log_info("the access log can be written again");
}

/* All that waits. Returns 0, or -errno with the rest still there. */
static int
write_out(struct access_log *log)
{
	const enum log_kind kind = (enum log_kind)atomic_load(&log->kind);
	struct iovec parts[2];
	size_t length;
	ssize_t done;

	take_next(log);
	atomic_store(&log->hurried, false);
	while ((length = line_log_waiting(log->segment, parts)) > 0) {
		if (kind != LOG_KIND_FILE)
			length = line_write_first(parts);
		line_log_writing(log->segment, length);
		done = line_write(log->fd, kind, parts, length);
		line_log_written(log->segment, done < 0 ? 0 : (size_t)done);
		if (done < 0)
			return ((int)done);
	}
	return (0);
}

static void
wait_for(struct access_log *log, unsigned ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)sem_timedwait(&log->wake, &until);
}

/* Until there is a line. Whoever appends one looks at `asleep` behind it. */
static void
sleep_until_needed(struct access_log *log)
{
	(void)atomic_exchange(&log->asleep, true);
	if (line_log_pending(log->segment) == 0 &&
	    atomic_load(&log->next_fd) == -1 && !atomic_load(&log->closing))
		(void)sem_wait(&log->wake);
	atomic_store(&log->asleep, false);
}

static void *
run(void *argument)
{
	struct access_log *log = argument;
	int error;

	for (;;) {
		error = write_out(log);
		tell(log, error);
		if (atomic_load(&log->closing))
			return (NULL);
		if (error == 0 && line_log_pending(log->segment) == 0)
			sleep_until_needed(log);
		wait_for(log, error == 0 ? LATENCY_MS : RETRY_MS);
	}
}

/* --- The dispatch thread ----------------------------------------------- */

static int
start(struct worker *worker, struct access_log *log)
{
	sigset_t all, before;
	int error;

	if (sem_init(&log->wake, 0, 0) == -1)
		return (-errno);
	log->segment = &worker->segment;
	/* Signals are the dispatch thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&log->thread, NULL, run, log);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		worker->access_log = log;
	else
		(void)sem_destroy(&log->wake);
	return (-error);
}

void
access_log_use(struct worker *worker, int fd, const struct message_log *told)
{
	struct access_log *log = worker->access_log;
	int error = -ENOMEM;

	if (worker->segment.geometry.log_size == 0) {
		log_err("there is no room for an access log");
		(void)close(fd);
		return;
	}
	if (log != NULL) {
		fd = atomic_exchange(&log->next_fd, fd);
		fd_close(&fd); /* one that it never came to */
		(void)sem_post(&log->wake);
		return;
	}
	if ((log = calloc(1, sizeof(*log))) != NULL) {
		log->fd = fd;
		log->format = (enum log_format)told->format;
		atomic_init(&log->kind, told->kind);
		atomic_init(&log->next_fd, -1);
		error = start(worker, log);
	}
	if (error == 0)
		return;
	log_err("there is no access log: %s", strerror(-error));
	(void)close(fd);
	free(log);
}

static const struct access_time *
time_now(struct access_log *log)
{
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if ((uint64_t)now.tv_sec == log->time_s)
		return (&log->time);
	log->time_s = (uint64_t)now.tv_sec;
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(log->time.combined, sizeof(log->time.combined),
	    "%d/%b/%Y:%H:%M:%S +0000", &tm);
	(void)strftime(
	    log->time.json, sizeof(log->time.json), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return (&log->time);
}

/* It is behind; or the disk is, and then a line is lost. */
static bool
append_later(
    struct worker *worker, const char *line, size_t length, uint64_t request)
{
	const struct timespec step = { .tv_nsec = STEP_US * 1000 };
	struct access_log *log = worker->access_log;
	int tries = PATIENCE_MS * 1000 / STEP_US;

	if (atomic_load(&log->failing) ||
	    worker->now_ns - log->full_ns < RETRY_MS * CLOCK_NS_PER_MS)
		tries = 0;
	for (; tries > 0; tries--) {
		(void)sem_post(&log->wake);
		(void)nanosleep(&step, NULL);
		if (line_log_append(&worker->segment, line, length, request))
			return (true);
	}
	log->full_ns = worker->now_ns;
	return (false);
}

static void
wake(struct access_log *log)
{
	/*
	 * Behind the append. Who comes second of this exchange and that of
	 * sleep_until_needed() sees what the other did before.
	 */
	if (atomic_exchange(&log->asleep, false)) {
		(void)sem_post(&log->wake);
		return;
	}
	if (line_log_pending(log->segment) <
		log->segment->geometry.log_size / 4 ||
	    atomic_load_explicit(&log->hurried, memory_order_relaxed))
		return;
	atomic_store(&log->hurried, true);
	(void)sem_post(&log->wake);
}

void
access_log_entry(struct worker *worker, const struct access_entry *entry)
{
	struct access_log *log = worker->access_log;
	char line[ACCESS_LINE_MAX];
	size_t length;

	length = log->format == LOG_FORMAT_JSON
		     ? access_json(entry, time_now(log), line)
		     : access_combined(entry, time_now(log), line);
	WORKER_STAT_ADD(worker, log_lines, 1);
	if (!line_log_append(&worker->segment, line, length, entry->request) &&
	    !append_later(worker, line, length, entry->request))
		WORKER_STAT_ADD(worker, log_lost, 1);
	wake(log);
}

/* Between two ticks of a request, of which either may not have been. */
static uint64_t
between(uint64_t from, uint64_t to)
{
	return (
	    from == 0 || to == 0 ? ACCESS_UNKNOWN : ticks_between(from, to));
}

void
access_log_request(struct request *request)
{
	const struct response *response = &request->response;
	struct worker *worker = request->worker;
	const struct conn_slot *slot =
	    &worker->segment.slots[conn_slot_number(request->conn)];
	const struct access_entry entry = {
		.peer = &slot->peer,
		.head = request->headless ? NULL : &request->head,
		.bytes = request->bytes,
		.status = response->headers_sent ? response->status : 0,
		.sent = response->sent,
		.end = !response->headers_sent               ? ACCESS_NONE
		       : response->failed || response->reset ? ACCESS_CUT
							     : ACCESS_WHOLE,
		.request = request->id,
		.worker = worker->segment.worker,
		.replays = request->replays,
		.module =
		    response->author == NULL ? NULL : response->author->name,
		.total_ns = between(request->began_ticks, ticks_now()),
		.read_ns = request->read_ns,
		.handle_ns =
		    between(request->began_ticks, response->sending_ticks),
		.wait_ns = ticks_between(0, request->waited_ticks),
		.send_ns =
		    between(response->sending_ticks, response->sent_ticks),
	};

	access_log_entry(worker, &entry);
}

void
access_log_close(struct worker *worker)
{
	struct access_log *log = worker->access_log;

	if (log == NULL)
		return;
	worker->access_log = NULL;
	atomic_store(&log->closing, true);
	(void)sem_post(&log->wake);
	(void)pthread_join(log->thread, NULL);
	(void)sem_destroy(&log->wake);
	fd_close(&log->fd);
	log->fd = atomic_load(&log->next_fd);
	fd_close(&log->fd);
	free(log);
}
