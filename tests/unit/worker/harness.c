/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker of unit tests. Some functions are replaced when the program is
 * linked (--wrap): engine_poll(), where the worker would sleep, hands the
 * turn back to the test, when epoll_wait(2) has told of nothing;
 * clock_gettime() adds the test's offset. harness_text.c replaces the log.
 */
#include "harness.h"

#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "worker/dispatch.h"
#include "worker/engine.h"
#include "worker/link.h"
#include "worker/request.h"
#include "worker/stack.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TURNS_MAX = 200000, /* of one harness_run() */
};

int __real_epoll_wait(
    int fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(
    int fd, struct epoll_event *events, int max, int timeout_ms);
void __real_engine_poll(struct engine *engine, int timeout_ms);
int __real_clock_gettime(clockid_t id, struct timespec *ret_time);
void __wrap_engine_poll(struct engine *engine, int timeout_ms);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_time);

static struct {
	struct worker worker;
	struct bh_registration modules[SEGMENT_MODULES_MAX];
	struct bh_module_ops ops[SEGMENT_MODULES_MAX];
	size_t module_count;
	struct segment_geometry geometry;
	bool geometry_set;

	bool up;
	bool finished; /* the loop has ended */
	bool leave;    /* it must, now */
	bool idle;     /* the last run ended because there was nothing to do */
	int events;    /* that the last epoll_wait(2) told of */
	unsigned turns_left;
	pthread_t thread;
	sem_t go, done;
	int master; /* the master's end of the link */

} harness;

static _Atomic int64_t clock_offset_ns;

/* --- What the program is linked with instead ---------------------------- */

int
__wrap_clock_gettime(clockid_t id, struct timespec *ret_time)
{
	int64_t ns;
	int status = __real_clock_gettime(id, ret_time);

	if (status != 0 || id != CLOCK_MONOTONIC)
		return (status);
	ns = ret_time->tv_nsec + atomic_load(&clock_offset_ns);
	ret_time->tv_sec += (time_t)(ns / (int64_t)CLOCK_NS_PER_SEC);
	ret_time->tv_nsec = (long)(ns % (int64_t)CLOCK_NS_PER_SEC);
	return (0);
}

static void
give_turn_back(void)
{
	(void)sem_post(&harness.done);
	while (sem_wait(&harness.go) == -1)
		;
	if (harness.leave)
		stack_pool_leave(harness.worker.stacks);
}

int
__wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	harness.events = __real_epoll_wait(fd, events, max, timeout_ms);
	return (harness.events);
}

void
__wrap_engine_poll(struct engine *engine, int timeout_ms)
{
	__real_engine_poll(engine, 0);
	if (harness.turns_left > 0)
		harness.turns_left--;
	harness.idle = timeout_ms != 0 && harness.events == 0 &&
		       !engine_ready(engine) &&
		       ring_may_sleep(&harness.worker.consumer);
	if (harness.idle || harness.turns_left == 0)
		give_turn_back();
}

/* --- The worker -------------------------------------------------------- */

void
harness_add(const char *name, const struct bh_module_ops *ops,
    enum bh_priority priority, enum bh_priority post_priority)
{
	struct bh_registration *module = &harness.modules[harness.module_count];
	struct bh_module_ops *copy = &harness.ops[harness.module_count];
	uint32_t step;

	memset(module, 0, sizeof(*module));
	*copy = *ops;
	module->id = (uint32_t)harness.module_count++;
	module->name = name;
	module->path = name;
	module->ops = copy;
	module->self = module;
	for (step = 0; step < STEP_COUNT; step++) {
		module->priority[step] =
		    (uint8_t)(step % 2 == 0 ? priority : post_priority);
		if (module_callback(copy, step) == NULL)
			continue;
		if (step % 2 == 0)
			module->notifications |= UINT32_C(1) << step / 2;
		else
			module->post_notifications |= UINT32_C(1) << step / 2;
	}
}

static void
add_calls(struct modules *modules, uint32_t step, unsigned priority)
{
	struct bh_registration *module;
	size_t i;

	for (i = 0; i < modules->count; i++) {
		module = &modules->list[i];
		if (module_callback(module->ops, step) == NULL ||
		    module->priority[step] != priority)
			continue;
		modules->calls[modules->call_count++] = (struct pipeline_call){
			.module = module,
			.callback = module_callback(module->ops, step),
			.step = step,
		};
	}
}

/* As modules_load() leaves them. */
static void
make_modules(struct worker *worker)
{
	struct modules *modules = &worker->modules;
	unsigned priority;
	uint32_t step;
	size_t i;

	modules->list = harness.modules;
	modules->count = harness.module_count;
	modules->activity = worker->activity;
	modules->calls =
	    calloc(STEP_COUNT * modules->count + 1, sizeof(*modules->calls));
	assert_non_null(modules->calls);
	for (i = 0; i < modules->count; i++)
		modules->list[i].stats =
		    stats_module(&worker->segment, (uint32_t)i);
	for (step = 0; step < STEP_COUNT; step++) {
		if (step == 2 * 10)
			modules->log_call = modules->call_count;
		for (priority = 0; priority <= BH_PRIORITY_LAST; priority++)
			add_calls(modules, step, priority);
	}
}

static void
make_segment(struct worker *worker)
{
	const char *names[SEGMENT_MODULES_MAX];
	struct segment_fds fds;
	size_t i;

	for (i = 0; i < harness.module_count; i++)
		names[i] = harness.modules[i].name;
	harness_geometry()->modules = (uint32_t)harness.module_count;
	assert_int_equal(
	    segment_create(&harness.geometry, 1, 7, names, &fds), 0);
	assert_int_equal(segment_allocate(&fds), 0);
	assert_int_equal(segment_map_worker(&fds, &worker->segment), 0);
}

static void
on_link_readable(void *worker)
{
	link_readable(worker);
}

static void
make_engine(struct worker *worker)
{
	struct engine_config config = {
		.consumer = &worker->consumer,
		.producer = &worker->producer,
		.slots = worker->segment.geometry.slots,
		.wake_fd = worker->wake_fd,
		.link_fd = link_fd(worker->link),
		.now_ns = &worker->now_ns,
		.argument = worker,
		.take_place = conn_take_place,
		.return_place = conn_return_place,
		.link_readable = on_link_readable,
	};

	assert_int_equal(engine_create(&config, &worker->engine), 0);
}

/* The limits of worker/main.c. */
static const struct worker_limits default_limits = {
	.pending_ns = 300 * CLOCK_NS_PER_SEC,
	.orphan_ns = 30 * CLOCK_NS_PER_SEC,
	.idle_ns = 75 * CLOCK_NS_PER_SEC,
	.head_ns = 30 * CLOCK_NS_PER_SEC,
	.body_ns = 60 * CLOCK_NS_PER_SEC,
	.send_ns = 60 * CLOCK_NS_PER_SEC,
	.linger_ns = 3 * CLOCK_NS_PER_SEC,
	.body_max = UINT64_C(4) << 30,
	.buffered_max = UINT64_C(4) << 20,
	.discard_max = UINT64_C(64) << 10,
};

static void *
run_worker(void *argument)
{
	struct worker *worker = argument;

	while (sem_wait(&harness.go) == -1)
		;
	worker_adopt(worker);
	stack_pool_run(worker->stacks);
	harness.finished = true;
	(void)sem_post(&harness.done);
	return (NULL);
}

struct segment_geometry *
harness_geometry(void)
{
	if (!harness.geometry_set)
		harness.geometry = (struct segment_geometry){
			.records = 1024,
			.entries_log2 = 12,
			.producers = 64,
			.slots = 512,
			.buffers = 64,
			.buffer_size = 16384,
		};
	harness.geometry_set = true;
	return (&harness.geometry);
}

void
harness_start(void)
{
	struct worker *worker = &harness.worker;
	int link[2];

	assert_false(harness.up);
	(void)signal(SIGPIPE, SIG_IGN);
	memset(worker, 0, sizeof(*worker));
	harness.finished = harness.leave = harness.idle = false;
	atomic_store(&clock_offset_ns, 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, link),
	    0);
	harness.master = link[0];
	make_segment(worker);
	assert_int_equal(link_create(link[1], &worker->link), 0);
	worker->stats = stats_worker(&worker->segment);
	worker->activity = &worker->segment.consumer->activities[0];
	worker->limits = default_limits;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_not_equal(worker->wake_fd, -1);
	ring_init(&worker->ring, &worker->segment, worker->wake_fd);
	ring_producer_init(&worker->producer, &worker->ring, PRODUCER_DISPATCH);
	assert_int_equal(
	    ring_consumer_init(&worker->consumer, &worker->ring), 0);
	assert_int_equal(conns_create(worker), 0);
	make_engine(worker);
	assert_int_equal(
	    stack_pool_create(dispatch_loop, worker, &worker->stacks), 0);
	make_modules(worker);
	worker_self = worker;
	assert_int_equal(sem_init(&harness.go, 0, 0), 0);
	assert_int_equal(sem_init(&harness.done, 0, 0), 0);
	assert_int_equal(
	    pthread_create(&harness.thread, NULL, run_worker, worker), 0);
	harness.up = true;
	harness_run();
}

void
harness_serve(const struct bh_module_ops *ops)
{
	harness_add("module", ops, BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
}

struct worker *
harness_worker(void)
{
	return (&harness.worker);
}

uint64_t
harness_stat(uint32_t stat)
{
	return (atomic_load(&harness.worker.stats[stat]));
}

uint64_t
harness_module_stat(uint32_t module, uint32_t stat)
{
	return (atomic_load(&harness.modules[module].stats[stat]));
}

static void
take_report(uint16_t type, const struct message_slot *item)
{
	static const char *const endings[] = { "?", "orderly", "reset" };
	struct client *client = clients_find(item->slot, item->generation);
	char word[64];

	(void)snprintf(word, sizeof(word), "%s %u.%u",
	    type == MESSAGE_TAKEN      ? "taken"
	    : type == MESSAGE_REFUSED  ? "refused"
	    : type == MESSAGE_RELEASED ? "released"
	    : item->how <= CLOSE_RESET ? endings[item->how]
				       : "?",
	    item->slot, item->generation);
	harness_report(word);
	if (client == NULL)
		return;
	if (type == MESSAGE_CLOSED)
		client->closed = (enum close_how)item->how;
	if (type == MESSAGE_REFUSED)
		client->refused = true;
}

/* What the worker has told its master. */
static void
take_reports(void)
{
	static _Alignas(8) uint8_t buffer[MESSAGE_MAX];
	const struct message_header *header = (const void *)buffer;
	const struct message_slot *items = (const void *)(header + 1);
	ssize_t size;
	uint32_t i;

	while (
	    harness.master != -1 && (size = recv(harness.master, buffer,
					 sizeof(buffer), MSG_DONTWAIT)) > 0) {
		assert_in_range(
		    message_check(buffer, (size_t)size, sizeof(*items)),
		    MESSAGE_TAKEN, MESSAGE_RELEASED);
		for (i = 0; i < header->count; i++)
			take_report(header->type, &items[i]);
	}
}

bool
harness_settles(unsigned turns)
{
	if (harness.finished)
		return (true);
	harness.turns_left = turns;
	(void)sem_post(&harness.go);
	while (sem_wait(&harness.done) == -1)
		;
	take_reports();
	return (harness.finished || harness.idle);
}

void
harness_run(void)
{
	assert_true(harness_settles(TURNS_MAX));
}

void
harness_advance(int64_t ms)
{
	int step;

	harness_run();
	harness_tick(ms);
	for (step = 0; step < 6; step++) {
		harness_run();
		harness_tick(260);
	}
	harness_run();
}

void
harness_tick(int64_t ms)
{
	(void)atomic_fetch_add(&clock_offset_ns, ms * (int64_t)CLOCK_NS_PER_MS);
}

void
harness_message(const void *bytes, size_t size, const int *fds, size_t count)
{
	assert_int_equal(fd_send(harness.master, bytes, size, fds, count), 0);
}

void
harness_drain(void)
{
	struct message_header header;

	message_init(&header, MESSAGE_DRAIN, 0, 0);
	harness_message(&header, sizeof(header), NULL, 0);
}

void
harness_master_ends(void)
{
	fd_close(&harness.master);
}

bool
harness_finished(void)
{
	return (harness.finished);
}

struct errand {
	void (*function)(void *);
	void *argument;
};

static void *
do_errand(void *argument)
{
	const struct errand *errand = argument;

	errand->function(errand->argument);
	return (NULL);
}

void
harness_in_thread(void (*function)(void *), void *argument)
{
	struct errand errand = { function, argument };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, do_errand, &errand), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

struct post {
	const struct bh_ticket *ticket;
	uint32_t bytes;
	int status;
	int result;
};

static void
do_post(void *argument)
{
	struct post *post = argument;

	post->result = bh_ticket_post(post->ticket, post->bytes, post->status);
}

int
harness_post(const struct bh_ticket *ticket, uint32_t bytes, int status)
{
	struct post post = { ticket, bytes, status, 0 };

	harness_in_thread(do_post, &post);
	return (post.result);
}

/* --- Its end ----------------------------------------------------------- */

static void
release_worker(struct worker *worker)
{
	free(worker->modules.calls);
	sites_free(&worker->sites);
	stack_pool_free(worker->stacks);
	engine_free(worker->engine);
	requests_free(worker);
	conns_free(worker);
	ring_consumer_free(&worker->consumer);
	fd_close(&worker->wake_fd);
	segment_unmap(&worker->segment);
	(void)close(link_fd(worker->link));
	link_free(worker->link);
}

/* Let everything end by itself. Returns whether it did. */
static bool
drain(void)
{
	struct message_header header;
	int step;

	message_init(&header, MESSAGE_DRAIN, 0, 0);
	if (harness.master != -1)
		(void)fd_send(harness.master, &header, sizeof(header), NULL, 0);
	clients_drop();
	for (step = 0; step < 40 && !harness.finished; step++) {
		if (!harness_settles(TURNS_MAX))
			break;
		harness_tick(5 * SECOND_MS);
	}
	return (harness.finished);
}

struct left {
	uint32_t conns, buffers, records;
	uint64_t active, parked, stacks;
	bool finished;
};

static struct left
look_over(const struct worker *worker)
{
	return ((struct left){
	    .conns = worker->conns_open,
	    .buffers =
		worker->segment.geometry.buffers - worker->free_buffer_count,
	    .records =
		worker->segment.geometry.records - worker->consumer.free_count,
	    .active = harness_stat(STAT_requests_active),
	    .parked = harness_stat(STAT_requests_parked),
	    .stacks = harness_stat(STAT_stacks_parked),
	});
}

int
harness_teardown(void **state)
{
	struct left left = { .finished = true };

	(void)state;
	if (harness.up) {
		left.finished = drain();
		if (!left.finished) {
			harness.leave = true;
			(void)sem_post(&harness.go);
		}
		(void)pthread_join(harness.thread, NULL);
		harness.up = false;
		if (left.finished)
			left = look_over(&harness.worker);
		else
			print_error("the worker doesn't drain\n");
		release_worker(&harness.worker);
		(void)sem_destroy(&harness.go);
		(void)sem_destroy(&harness.done);
		fd_close(&harness.master);
		left.finished = harness.finished;
	}
	clients_free();
	harness.module_count = 0;
	harness.geometry_set = false;
	(void)harness_notes();
	(void)harness_reports();
	harness_log_clear();
	if (left.conns + left.buffers + left.records + left.active +
		left.parked + left.stacks ==
	    0)
		return (left.finished ? 0 : -1);
	print_error("left over: %u connections, %u buffers, %u records, "
		    "%u requests active, %u parked, %u stacks\n",
	    left.conns, left.buffers, left.records, (unsigned)left.active,
	    (unsigned)left.parked, (unsigned)left.stacks);
	return (-1);
}

/* --- Callbacks --------------------------------------------------------- */

int
write_text(struct bh_context *context, const char *text, bool more)
{
	const struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, text,
		strlen(text) };

	return (bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, false, more, NULL, NULL));
}

void
answer(struct bh_context *context, const char *text)
{
	int error = write_text(context, text, true);

	if (error != 0)
		note("answer:%s", strerror(-error));
}
