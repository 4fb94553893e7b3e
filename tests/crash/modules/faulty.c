/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faulty: answers at /faulty, and dies where, how and as often as the query
 * says. The setting state=FILE names a file that survives the worker: a line
 * for each death and for each effect.
 *
 *	how=W       a way of death.h
 *	at=STEP     begin_request ... post_end_request; or read, write, flush,
 *	            post: in the completion of that operation, started in
 *	            execute_request_handler
 *	key=K       what its lines begin with
 *	times=N     only the first N times, by the lines; 0: every time
 *	after=N     at=read: once that many bytes of the body have been read
 *	thread=1    in a thread that the callback waits for
 *	thread=2    in one that it doesn't wait for: the request is parked, for
 *	            wait=MS if that is said
 *	respond=R   before it dies: buffered, length or chunked (a part is
 *	            sent), whole
 *	wait=MS     parked for so long before it answers
 *	count=1     an effect, before it answers: a line "KEY effect REQUEST"
 *	size=N      answer with so many bytes of a pattern; else with a line
 *	            "METHOD KEY BODY-LENGTH BODY-SUM"
 */
#include "death.h"

#include <bulkhead/async.h>
#include <bulkhead/http.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	BODY_PART = 65536,
	PART = 10, /* bytes of a response that are sent before the death */
	SIZE_MAX_ASKED = 16 << 20,
};

static const char part[] = "0123456789";

/* What a query asks for. */
struct script {
	char how[16], at[48], key[48], respond[16];
	unsigned long times, after, thread, wait, count, size;
};

/* What is kept of a request, from get_module to dispose. */
struct play {
	struct script script;
	bool mine;
	size_t body; /* bytes read of it */
	unsigned long sum;
	uint8_t buffer[BODY_PART];
};

struct errand {
	struct bh_ticket ticket;
	unsigned long wait;
	char how[16];
};

static const char *state_path; /* the module's setting */

static void
take(struct bh_str query, const char *name, char *ret_value, size_t size)
{
	const char *at = query.data, *end = query.data + query.length;
	size_t length = strlen(name);
	const char *next;

	*ret_value = '\0';
	for (; at < end; at = next + 1) {
		next = memchr(at, '&', (size_t)(end - at));
		if (next == NULL)
			next = end;
		if ((size_t)(next - at) > length && at[length] == '=' &&
		    memcmp(at, name, length) == 0) {
			(void)snprintf(ret_value, size, "%.*s",
			    (int)(next - at - (ptrdiff_t)length - 1),
			    at + length + 1);
			return;
		}
	}
}

static unsigned long
take_number(struct bh_str query, const char *name)
{
	char value[24];

	take(query, name, value, sizeof(value));
	return (strtoul(value, NULL, 10));
}

static void
read_script(struct bh_str query, struct script *ret_script)
{
	take(query, "how", ret_script->how, sizeof(ret_script->how));
	take(query, "at", ret_script->at, sizeof(ret_script->at));
	take(query, "key", ret_script->key, sizeof(ret_script->key));
	take(
	    query, "respond", ret_script->respond, sizeof(ret_script->respond));
	ret_script->times = take_number(query, "times");
	ret_script->after = take_number(query, "after");
	ret_script->thread = take_number(query, "thread");
	ret_script->wait = take_number(query, "wait");
	ret_script->count = take_number(query, "count");
	ret_script->size = take_number(query, "size");
	if (ret_script->size > SIZE_MAX_ASKED)
		ret_script->size = SIZE_MAX_ASKED;
}

/* One line in the file, by one write: it is there as a whole or not at all. */
static void
note(const struct script *script, const char *what, struct bh_context *context)
{
	uint64_t id = bh_context_request_id(context);
	char line[160];
	int fd, length;

	if (state_path == NULL ||
	    (fd = open(state_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
		 0600)) == -1)
		return;
	length = snprintf(line, sizeof(line), "%s %s %u-%u\n", script->key,
	    what, (unsigned)(id >> 32), (unsigned)id);
	if (write(fd, line, (size_t)length) != length)
		abort();
	(void)close(fd);
}

/* How often has this script been played to its end? */
static unsigned long
deaths(const struct script *script)
{
	char line[160], want[100];
	unsigned long count = 0;
	FILE *file;

	if (state_path == NULL || (file = fopen(state_path, "re")) == NULL)
		return (0);
	(void)snprintf(want, sizeof(want), "%s %s ", script->key, script->at);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strncmp(line, want, strlen(want)) == 0;
	(void)fclose(file);
	return (count);
}

static bool
due(const struct script *script)
{
	return (script->how[0] != '\0' &&
		(script->times == 0 || deaths(script) < script->times));
}

static void
write_body(struct bh_context *context, const void *bytes, size_t length,
    bool more_data)
{
	struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = bytes,
		.length = length,
	};

	(void)bh_response_write_entity_chunks(bh_context_response(context),
	    &chunk, 1, false, more_data, NULL, NULL);
}

/* Bring the response into the state in which the script wants to leave it. */
static void
respond(struct bh_context *context, const struct script *script)
{
	struct bh_response *response = bh_context_response(context);

	if (script->respond[0] == '\0' ||
	    bh_context_response_headers_sent(context))
		return;
	(void)bh_response_clear(response);
	if (strcmp(script->respond, "length") == 0)
		(void)bh_response_set_header(
		    response, "Content-Length", "100", true);
	if (strcmp(script->respond, "whole") == 0) {
		write_body(context, part, PART, false);
		(void)bh_response_flush(response, false, false, NULL, NULL);
		return;
	}
	write_body(context, part, PART, true);
	if (strcmp(script->respond, "buffered") != 0)
		(void)bh_response_flush(response, false, true, NULL, NULL);
}

static void *
run_errand(void *argument)
{
	struct errand *errand = argument;
	struct timespec wait = {
		.tv_sec = (time_t)(errand->wait / 1000),
		.tv_nsec = (long)(errand->wait % 1000) * 1000000,
	};

	(void)nanosleep(&wait, NULL);
	if (errand->how[0] != '\0')
		death_by(errand->how, DEATH_HERE);
	(void)bh_ticket_post(&errand->ticket, 0, 0);
	free(errand);
	return (NULL);
}

/* Park the request; a thread waits, dies if it is told ${how}, or posts. */
static enum bh_notification_status
park(struct bh_context *context, unsigned long wait, const char *how)
{
	struct errand *errand = calloc(1, sizeof(*errand));
	pthread_t thread;

	if (errand == NULL)
		return (BH_CONTINUE);
	errand->wait = wait;
	(void)snprintf(errand->how, sizeof(errand->how), "%s", how);
	if (bh_context_take_ticket(context, &errand->ticket) != 0 ||
	    pthread_create(&thread, NULL, run_errand, errand) != 0) {
		free(errand);
		return (BH_CONTINUE);
	}
	(void)pthread_detach(thread);
	return (BH_PENDING);
}

/* This is the place. BH_PENDING: a thread will see to it. */
static enum bh_notification_status
die(struct bh_context *context, const struct script *script)
{
	respond(context, script);
	note(script, script->at, context);
	if (script->thread == 2)
		return (park(
		    context, script->wait > 0 ? script->wait : 1, script->how));
	death_by(script->how, script->thread == 1 ? DEATH_THREAD : DEATH_HERE);
	return (BH_CONTINUE);
}

static enum bh_notification_status
visit(struct play *play, struct bh_context *context, const char *step)
{
	if (!play->mine || strcmp(play->script.at, step) != 0 ||
	    !due(&play->script))
		return (BH_CONTINUE);
	return (die(context, &play->script));
}

static void
count_bytes(struct play *play, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		play->sum = play->sum * 31 + play->buffer[i];
	play->body += length;
}

static void
read_body(struct play *play, struct bh_context *context)
{
	struct bh_request *request = bh_context_request(context);
	size_t received;

	while (bh_request_read_entity_body(request, play->buffer, BODY_PART,
		   false, &received, NULL) == 0)
		count_bytes(play, received);
}

/*
 * Made once, as far as it has been asked for: under load it would cost more
 * than the server does. On the dispatch thread alone.
 */
static void
write_pattern(struct bh_context *context, size_t size)
{
	static char bytes[SIZE_MAX_ASKED];
	static size_t made;

	for (; made < size; made++)
		bytes[made] = (char)('a' + (made / 251 + made * 7) % 26);
	(void)bh_response_disable_buffering(bh_context_response(context));
	write_body(context, bytes, size, false);
}

static enum bh_notification_status
answer(struct play *play, struct bh_context *context)
{
	struct bh_str method = bh_request_method(bh_context_request(context));
	char text[160];
	int length;

	if (play->script.count)
		note(&play->script, "effect", context);
	if (bh_context_response_headers_sent(context)) {
		write_body(context, NULL, 0, false);
		return (BH_CONTINUE);
	}
	(void)bh_response_clear(bh_context_response(context));
	if (play->script.size > 0) {
		write_pattern(context, play->script.size);
		return (BH_CONTINUE);
	}
	length = snprintf(text, sizeof(text), "%.*s %s %zu %lu\n",
	    (int)method.length, method.data, play->script.key, play->body,
	    play->sum);
	write_body(context, text, (size_t)length, false);
	return (BH_CONTINUE);
}

/* Start the operation in whose completion the script wants to die. */
static int
start_operation(struct play *play, struct bh_context *context)
{
	static const struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = part,
		.length = PART,
	};
	struct bh_response *response = bh_context_response(context);
	bool whole = strcmp(play->script.respond, "whole") == 0;
	const char *at = play->script.at;

	if (strcmp(at, "read") == 0)
		return (bh_request_read_entity_body(bh_context_request(context),
		    play->buffer, BODY_PART, true, NULL, NULL));
	if (strcmp(at, "write") == 0)
		return (bh_response_write_entity_chunks(
		    response, &chunk, 1, true, true, NULL, NULL));
	if (strcmp(at, "flush") == 0) {
		write_body(context, part, PART, !whole);
		return (bh_response_flush(response, true, !whole, NULL, NULL));
	}
	return (bh_context_post_completion(context, 1));
}

static bool
names_operation(const char *at)
{
	return (strcmp(at, "read") == 0 || strcmp(at, "write") == 0 ||
		strcmp(at, "flush") == 0 || strcmp(at, "post") == 0);
}

static enum bh_notification_status
on_execute_request_handler(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	struct play *play = self;

	(void)provider;
	if (!play->mine)
		return (BH_CONTINUE);
	if (visit(play, context, "execute_request_handler") == BH_PENDING)
		return (BH_PENDING);
	if (strcmp(play->script.at, "read") != 0)
		read_body(play, context);
	if (names_operation(play->script.at) && due(&play->script) &&
	    start_operation(play, context) == 0)
		return (BH_PENDING);
	if (play->script.wait > 0)
		return (park(context, play->script.wait, ""));
	read_body(play, context);
	return (answer(play, context));
}

static enum bh_notification_status
on_async_completion(void *self, struct bh_context *context,
    uint32_t notification, bool post_notification,
    struct bh_event_provider *provider, const struct bh_completion_info *info)
{
	struct play *play = self;
	bool parked = play->script.wait > 0 || play->script.thread == 2;

	(void)notification, (void)post_notification, (void)provider;
	if (bh_completed_operation(info) == BH_OP_READ_ENTITY_BODY) {
		count_bytes(play, (size_t)bh_completion_bytes(info));
		if (bh_completion_status(info) == 0 &&
		    play->body < play->script.after &&
		    start_operation(play, context) == 0)
			return (BH_PENDING);
	}
	if (names_operation(play->script.at) && !parked && due(&play->script) &&
	    die(context, &play->script) == BH_PENDING)
		return (BH_PENDING);
	read_body(play, context);
	return (answer(play, context));
}

#define STEP(name)                                                          \
	static enum bh_notification_status on_##name(void *self,            \
	    struct bh_context *context, struct bh_event_provider *provider) \
	{                                                                   \
		(void)provider;                                             \
		return (visit(self, context, #name));                       \
	}
STEP(begin_request)
STEP(post_begin_request)
STEP(authenticate_request)
STEP(post_authenticate_request)
STEP(authorize_request)
STEP(post_authorize_request)
STEP(resolve_request_cache)
STEP(post_resolve_request_cache)
STEP(map_request_handler)
STEP(post_map_request_handler)
STEP(acquire_request_state)
STEP(post_acquire_request_state)
STEP(pre_execute_request_handler)
STEP(post_pre_execute_request_handler)
STEP(post_execute_request_handler)
STEP(release_request_state)
STEP(post_release_request_state)
STEP(update_request_cache)
STEP(post_update_request_cache)
STEP(log_request)
STEP(post_log_request)
STEP(end_request)
STEP(post_end_request)

static int
get_module(void *module, struct bh_context *context, void **ret_self)
{
	struct bh_request *request = bh_context_request(context);
	struct bh_str path = bh_request_path(request);
	struct play *play = calloc(1, sizeof(*play));

	(void)module;
	if (play == NULL)
		return (-ENOMEM);
	play->mine = path.length == 7 && memcmp(path.data, "/faulty", 7) == 0;
	if (play->mine)
		read_script(bh_request_query(request), &play->script);
	*ret_self = play;
	return (0);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.get_module = get_module,
	.dispose = free,
	.on_async_completion = on_async_completion,
#define BOTH(name) .on_##name = on_##name, .on_post_##name = on_post_##name
	BOTH(begin_request),
	BOTH(authenticate_request),
	BOTH(authorize_request),
	BOTH(resolve_request_cache),
	BOTH(map_request_handler),
	BOTH(acquire_request_state),
	BOTH(pre_execute_request_handler),
	BOTH(execute_request_handler),
	BOTH(release_request_state),
	BOTH(update_request_cache),
	BOTH(log_request),
	BOTH(end_request),
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	state_path = bh_registration_setting(registration, "state");
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, 0xfff, 0xfff));
}

BH_MODULE();
