/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-worker: the order of start-up and end, nothing else. Executed by
 * the master only, with its socket as an inherited descriptor.
 *
 *	BOOT -> map the segment -> MAPPED -> (sealed) START -> load the modules
 *	-> READY -> the loop, until drained -> unload -> exit 0
 */
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "worker/access_log.h"
#include "worker/conn.h"
#include "worker/dispatch.h"
#include "worker/engine.h"
#include "worker/fatal.h"
#include "worker/link.h"
#include "worker/offload.h"
#include "worker/request.h"
#include "worker/sandbox.h"
#include "worker/stack.h"
#include "worker/ticks.h"
#include "worker/worker.h"

#include <bsd/stdlib.h>
#include <bsd/unistd.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	EXIT_USAGE = 2,
};

static int
usage(void)
{
	log_err("bulkhead-worker is started by bulkhead, not by hand");
	return (EXIT_USAGE);
}

/* The only argument there is: --socket FD. */
static int
socket_argument(int argc, char **argv)
{
	const char *error = NULL;
	long long fd;

	if (argc != 3 || strcmp(argv[1], "--socket") != 0)
		return (-1);
	fd = strtonum(argv[2], 0, 1 << 20, &error);
	return (error == NULL ? (int)fd : -1);
}

static struct worker_limits
limits_of(const struct message_limits *told)
{
	const uint64_t ms = CLOCK_NS_PER_MS;

	return ((struct worker_limits){
	    .idle_ns = told->idle_ms * ms,
	    .head_ns = told->head_ms * ms,
	    .body_ns = told->body_ms * ms,
	    .send_ns = told->send_ms * ms,
	    .linger_ns = told->linger_ms * ms,
	    .pending_ns = told->pending_ms * ms,
	    .orphan_ns = told->orphan_ms * ms,
	    .body_max = told->body_max,
	    .buffered_max = told->buffered_max,
	    .discard_max = told->discard_max,
	    .offload_threads = (uint32_t)told->offload_threads,
	});
}

/* BOOT to MAPPED to START. Afterwards the segment is sealed. */
static int
attach(struct worker *worker)
{
	struct segment_fds fds = { -1, -1, -1 };
	struct message_boot boot;
	char *strings;
	size_t taken = 0;
	int error;

	if ((error = link_boot(worker->link, &boot, &strings, &fds)) != 0)
		return (error);
	log_init("bulkhead-worker", boot.worker);
	log_set_level(boot.log_level);
	setproctitle("worker %u", boot.worker);
	if (boot.site_bytes > boot.strings) {
		free(strings);
		return (-EBADMSG);
	}
	error = sandbox_parse(
	    &worker->sandbox, &boot.sandbox, strings, boot.strings, &taken);
	if (error == 0)
		error = modules_parse(&worker->modules, strings + taken,
		    boot.strings - taken - boot.site_bytes, boot.modules);
	if (error == 0)
		error = sites_parse(&worker->sites,
		    strings + boot.strings - boot.site_bytes, boot.site_bytes,
		    boot.sites);
	worker->sites.strict = boot.strict_hosts != 0;
	free(strings);
	worker->modules.quarantined = boot.quarantined;
	worker->limits = limits_of(&boot.limits);
	if (error == 0)
		error = segment_map_worker(&fds, &worker->segment);
	if (error == 0)
		error = link_say(worker->link, MESSAGE_MAPPED, NULL);
	if (error == 0)
		error = link_wait_start(worker->link);
	return (error);
}

static void
on_link_readable(void *worker)
{
	link_readable(worker);
}

/* Everything that the loop stands on. */
static int
prepare(struct worker *worker)
{
	struct engine_config config = {
		.consumer = &worker->consumer,
		.producer = &worker->producer,
		.slots = worker->segment.geometry.slots,
		.link_fd = link_fd(worker->link),
		.now_ns = &worker->now_ns,
		.argument = worker,
		.take_place = conn_take_place,
		.return_place = conn_return_place,
		.link_readable = on_link_readable,
	};
	int error;

	ticks_calibrate();
	worker->stats = stats_worker(&worker->segment);
	worker->activity = &worker->segment.consumer->activities[0];
	worker_thread_activity = worker->activity;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if ((config.wake_fd = worker->wake_fd) == -1)
		return (-errno);
	/* Connections come by the hundred when another worker has died. */
	(void)fd_make_room(worker->wake_fd, config.slots + WORKER_DESCRIPTORS);
	ring_init(&worker->ring, &worker->segment, worker->wake_fd);
	ring_producer_init(&worker->producer, &worker->ring, PRODUCER_DISPATCH);
	if ((error = ring_consumer_init(&worker->consumer, &worker->ring)) !=
		0 ||
	    (error = offload_create(&worker->ring,
		 &worker->segment.consumer->activities[1],
		 worker->limits.offload_threads, &worker->offload)) != 0 ||
	    (error = conns_create(worker)) != 0 ||
	    (error = engine_create(&config, &worker->engine)) != 0)
		return (error);
	return (stack_pool_create(dispatch_loop, worker, &worker->stacks));
}

/* A process that a module forks must not go on reading from our clients. */
static void
in_forked_child(void)
{
	conns_close_fds(worker_self);
}

static int
load_modules(struct worker *worker)
{
	char text[1024];

	atomic_store_explicit(&worker->segment.consumer->state, SEGMENT_LOADING,
	    memory_order_relaxed);
	if (sandbox_enter(&worker->sandbox, text, sizeof(text)) != 0 ||
	    modules_load(
		&worker->modules, &worker->segment, text, sizeof(text)) != 0) {
		(void)link_say(worker->link, MESSAGE_FAILED, text);
		return (-ECANCELED); /* said */
	}
	return (0);
}

/* Undo everything, so that a leak checker sees only real leaks. */
static void
release(struct worker *worker)
{
	offload_free(worker->offload);
	access_log_close(worker);
	modules_unload(&worker->modules);
	sites_free(&worker->sites);
	sandbox_free(&worker->sandbox);
	stack_pool_free(worker->stacks);
	engine_free(worker->engine);
	requests_free(worker);
	if (worker->segment.header != NULL)
		conns_free(worker);
	ring_consumer_free(&worker->consumer);
	fd_close(&worker->wake_fd);
	fatal_thread_end();
	segment_unmap(&worker->segment);
	link_free(worker->link);
}

static int
serve(struct worker *worker)
{
	int error;

	if ((error = attach(worker)) != 0 || (error = prepare(worker)) != 0)
		return (error);
	if (pthread_atfork(NULL, NULL, in_forked_child) != 0)
		return (-ENOMEM);
	if ((error = fatal_watch()) != 0)
		return (error);
	if ((error = load_modules(worker)) != 0 ||
	    (error = link_say(worker->link, MESSAGE_READY, NULL)) != 0)
		return (error);
	atomic_store_explicit(&worker->segment.consumer->state, SEGMENT_SERVING,
	    memory_order_relaxed);
	stack_pool_run(worker->stacks);
	atomic_store_explicit(&worker->segment.consumer->state,
	    SEGMENT_FINISHED, memory_order_relaxed);
	return (0);
}

int
main(int argc, char **argv)
{
	static struct worker worker;
	int error, fd;

	setproctitle_init(argc, argv, environ);
	log_init("bulkhead-worker", 0);
	if ((fd = socket_argument(argc, argv)) == -1)
		return (usage());
	(void)signal(SIGPIPE, SIG_IGN);
	worker.wake_fd = -1;
	worker_adopt(&worker);
	if (fd_set_nonblock(fd) != 0 || link_create(fd, &worker.link) != 0)
		return (usage());
	error = serve(&worker);
	release(&worker);
	if (error != 0 && error != -ECANCELED && error != -EPIPE)
		log_err("can't start: %s", strerror(-error));
	return (error == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
