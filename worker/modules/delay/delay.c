/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delay: answers GET ?ms=N after N milliseconds, and holds nothing but the
 * request meanwhile. It shows how a thread of a module works with the server:
 * the callback takes a ticket and returns BH_PENDING, one timer thread per
 * worker posts the ticket when it is due, and the completion answers.
 */
#include <bulkhead/http.h>
#include <bulkhead/async.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

enum {
	DELAY_MAX_MS = 60000
};

struct timer {
	uint64_t due_ns;
	struct bh_ticket ticket;
};

/* The module: its path, and the timers as a heap with the earliest first. */
struct delay {
	const char *path;
	size_t path_length;
	pthread_t thread;
	pthread_mutex_t lock; /* for all that follows */
	pthread_cond_t changed;
	struct timer *heap;
	size_t count, capacity;
	bool stopping;
};

/* One request. */
struct wait {
	struct delay *delay;
	uint64_t started_ns;
	unsigned ms;
};

static uint64_t
now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time); /* can't fail on Linux */
	return ((uint64_t)time.tv_sec * NS_PER_SEC + (uint64_t)time.tv_nsec);
}

/* heap_reserve: room for one more. Returns 0 or -ENOMEM. */
static int
heap_reserve(struct delay *delay)
{
	struct timer *heap;
	size_t capacity;

	if (delay->count < delay->capacity)
		return (0);
	capacity = delay->capacity == 0 ? 64 : delay->capacity * 2;
	heap = reallocarray(delay->heap, capacity, sizeof(*heap));
	if (heap == NULL)
		return (-ENOMEM);
	delay->heap = heap;
	delay->capacity = capacity;
	return (0);
}

/* heap_push: there is room. Returns true when it is the earliest now. */
static bool
heap_push(struct delay *delay, struct timer timer)
{
	size_t at, parent;

	for (at = delay->count++; at > 0; at = parent) {
		parent = (at - 1) / 2;
		if (delay->heap[parent].due_ns <= timer.due_ns)
			break;
		delay->heap[at] = delay->heap[parent];
	}
	delay->heap[at] = timer;
	return (at == 0);
}

/* heap_pop: the earliest; there is one. */
static struct timer
heap_pop(struct delay *delay)
{
	struct timer first = delay->heap[0], moved;
	size_t at = 0, child;

	moved = delay->heap[--delay->count];
	while ((child = 2 * at + 1) < delay->count) {
		if (child + 1 < delay->count &&
		    delay->heap[child + 1].due_ns < delay->heap[child].due_ns)
			child++;
		if (moved.due_ns <= delay->heap[child].due_ns)
			break;
		delay->heap[at] = delay->heap[child];
		at = child;
	}
	delay->heap[at] = moved;
	return (first);
}

/* sleep_until_change: or until the earliest timer is due. Holds the lock. */
static void
sleep_until_change(struct delay *delay)
{
	struct timespec due;

	if (delay->count == 0) {
		(void)pthread_cond_wait(&delay->changed, &delay->lock);
		return;
	}
	due.tv_sec = (time_t)(delay->heap[0].due_ns / NS_PER_SEC);
	due.tv_nsec = (long)(delay->heap[0].due_ns % NS_PER_SEC);
	(void)pthread_cond_timedwait(&delay->changed, &delay->lock, &due);
}

static void *
timer_thread(void *argument)
{
	struct delay *delay = argument;
	struct timer timer;

	(void)pthread_mutex_lock(&delay->lock);
	while (!delay->stopping) {
		if (delay->count == 0 || delay->heap[0].due_ns > now()) {
			sleep_until_change(delay);
			continue;
		}
		timer = heap_pop(delay);
		(void)pthread_mutex_unlock(&delay->lock);
		/* -ESTALE: the client left meanwhile. Nobody is waiting. */
		(void)bh_ticket_post(&timer.ticket, 0, 0);
		(void)pthread_mutex_lock(&delay->lock);
	}
	(void)pthread_mutex_unlock(&delay->lock);
	return (NULL);
}

/* schedule: park this request until ${due_ns}. Returns 0 or -errno. */
static int
schedule(struct delay *delay, struct bh_context *context, uint64_t due_ns)
{
	struct timer timer = { .due_ns = due_ns };
	int error;

	(void)pthread_mutex_lock(&delay->lock);
	error = heap_reserve(delay);
	if (error == 0)
		error = bh_context_take_ticket(context, &timer.ticket);
	if (error == 0 && heap_push(delay, timer))
		(void)pthread_cond_signal(&delay->changed);
	(void)pthread_mutex_unlock(&delay->lock);
	return (error);
}

static bool
equals(struct bh_str bytes, const char *text)
{
	return (bytes.length == strlen(text) &&
		memcmp(bytes.data, text, bytes.length) == 0);
}

/*
 * parse_ms: the value of "ms" among the query's name=value pairs: digits, up
 * to DELAY_MAX_MS. Returns false when there is none such.
 */
static bool
parse_ms(struct bh_str query, unsigned *ret_ms)
{
	const char *at = query.data, *end = query.data + query.length;
	unsigned ms = 0;

	if (query.length == 0)
		return (false);
	while (end - at >= 3 && memcmp(at, "ms=", 3) != 0) {
		at = memchr(at, '&', (size_t)(end - at));
		if (at == NULL)
			return (false);
		at++;
	}
	if (end - at < 4)
		return (false);
	for (at += 3; at < end && *at != '&'; at++) {
		if (*at < '0' || *at > '9')
			return (false);
		ms = ms * 10 + (unsigned)(*at - '0');
		if (ms > DELAY_MAX_MS)
			return (false);
	}
	if (at[-1] == '=')
		return (false);
	*ret_ms = ms;
	return (true);
}

static enum bh_notification_status
answer(struct bh_context *context, unsigned status, const char *text)
{
	struct bh_response *response = bh_context_response(context);
	const struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = text,
		.length = strlen(text),
	};

	(void)bh_response_clear(response);
	(void)bh_response_set_status(response, status, NULL);
	(void)bh_response_set_header(
	    response, "Content-Type", "text/plain", true);
	if (status == 405)
		(void)bh_response_set_header(
		    response, "Allow", "GET, HEAD", true);
	(void)bh_response_write_entity_chunks(
	    response, &chunk, 1, false, false, NULL, NULL);
	return (BH_FINISH_REQUEST);
}

static int
get_module(void *module, struct bh_context *context, void **ret_self)
{
	struct delay *delay = module;
	struct wait *wait = NULL;
	struct bh_str path;

	path = bh_request_path(bh_context_request(context));
	if (path.length == delay->path_length &&
	    memcmp(path.data, delay->path, path.length) == 0) {
		/* Lives until the request is over: no dispose() needed. */
		wait = bh_context_allocate(context, sizeof(*wait));
		if (wait == NULL)
			return (-ENOMEM);
		wait->delay = delay;
	}
	*ret_self = wait;
	return (0);
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	struct bh_request *request = bh_context_request(context);
	struct bh_str method = bh_request_method(request);
	struct wait *wait = self;
	int error;

	if (wait == NULL)
		return (BH_CONTINUE);
	if (!equals(method, "GET") && !equals(method, "HEAD"))
		return (answer(
		    context, 405, "Only GET and HEAD are served here\n"));
	if (!parse_ms(bh_request_query(request), &wait->ms))
		return (answer(context, 400,
		    "Say how long, from 0 to 60000 ms: ?ms=250\n"));
	wait->started_ns = now();
	error = schedule(
	    wait->delay, context, wait->started_ns + wait->ms * NS_PER_MS);
	if (error != 0) {
		bh_event_set_error_status(provider, error);
		return (answer(context, 503, "The server is busy\n"));
	}
	return (BH_PENDING);
}

static enum bh_notification_status
on_async_completion(void *self, struct bh_context *context,
    uint32_t notification, bool post_notification,
    struct bh_event_provider *provider, const struct bh_completion_info *info)
{
	const struct wait *wait = self;
	int status = bh_completion_status(info);
	char text[80];

	(void)notification;
	(void)post_notification;
	if (status != 0) {
		bh_event_set_error_status(provider, status);
		return (answer(context, 503, "The wait was given up\n"));
	}
	(void)snprintf(text, sizeof(text), "Waited %.1f ms for %u ms\n",
	    (double)(now() - wait->started_ns) / (double)NS_PER_MS, wait->ms);
	return (answer(context, 200, text));
}

/* start_thread: with no signal of the server's ever delivered to it. */
static int
start_thread(struct delay *delay)
{
	static const int own[] = { SIGSYS, SIGSEGV, SIGBUS, SIGILL, SIGFPE,
		SIGTRAP, SIGABRT };
	pthread_condattr_t monotonic;
	sigset_t all, before;
	size_t i;
	int error;

	error = pthread_condattr_init(&monotonic);
	if (error != 0)
		return (-error);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	error = pthread_cond_init(&delay->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (error != 0)
		return (-error);
	error = pthread_mutex_init(&delay->lock, NULL);
	if (error != 0)
		goto err_cond;
	(void)sigfillset(&all);
	/* But for what a thread does itself: the server tells whose it is. */
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		(void)sigdelset(&all, own[i]);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&delay->thread, NULL, timer_thread, delay);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		goto err_lock;
	(void)pthread_setname_np(delay->thread, "bh-delay");
	return (0);
err_lock:
	(void)pthread_mutex_destroy(&delay->lock);
err_cond:
	(void)pthread_cond_destroy(&delay->changed);
	return (-error);
}

static void
terminate(void *module)
{
	struct delay *delay = module;

	(void)pthread_mutex_lock(&delay->lock);
	delay->stopping = true;
	(void)pthread_cond_signal(&delay->changed);
	(void)pthread_mutex_unlock(&delay->lock);
	(void)pthread_join(delay->thread, NULL);
	(void)pthread_mutex_destroy(&delay->lock);
	(void)pthread_cond_destroy(&delay->changed);
	free(delay->heap);
	free(delay);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.get_module = get_module,
	.terminate = terminate,
	.on_execute_request_handler = on_execute,
	.on_async_completion = on_async_completion,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	struct delay *delay;
	int error;

	(void)server_version;
	(void)server;
	delay = calloc(1, sizeof(*delay));
	if (delay == NULL)
		return (-ENOMEM);
	delay->path = bh_registration_setting(registration, "path");
	if (delay->path == NULL)
		delay->path = "/delay";
	delay->path_length = strlen(delay->path);
	if (*delay->path != '/') {
		bh_registration_error(registration,
		    "setting 'path' is '%s': it must begin with '/'",
		    delay->path);
		error = -EINVAL;
		goto err;
	}
	(void)bh_registration_set_path(registration, delay->path);
	error = bh_registration_set_request_notifications(
	    registration, &ops, delay, BH_RQ_EXECUTE_REQUEST_HANDLER, 0);
	if (error != 0)
		goto err;
	/* Last: nothing can fail after it that would have to join it. */
	error = start_thread(delay);
	if (error != 0) {
		bh_registration_error(
		    registration, "its timer thread can't be started");
		goto err;
	}
	return (0);
err:
	free(delay);
	return (error);
}

BH_MODULE();
