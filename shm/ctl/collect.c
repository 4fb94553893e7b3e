/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl's conversation with the master, and its look at the segments.
 * Runs in the operator's tool, which trusts the master's messages no more
 * than their form, and the segments not at all.
 */
#include "shm/ctl/collect.h"

#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/ctl/collect_segment.h"
#include "shm/retired.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

/* One message of the master's answer. */
struct answer {
	enum message_type type;
	int fd; /* that came along, or -1 */
	union {
		struct message_status_master master;
		struct message_status_worker worker;
		struct message_status_module module;
		struct message_answer answer;
		struct message_crash crash;
	} body;
};

static int fail(char *error, size_t size, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int
fail(char *error, size_t size, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(error, size, format, arguments); /* cut is fine */
	va_end(arguments);
	return (status);
}

int
collect_default_path(char *ret_path, size_t size)
{
	const char *runtime;
	int length;

	if ((runtime = getenv("RUNTIME_DIRECTORY")) != NULL && *runtime != '\0')
		length = snprintf(ret_path, size, "%s/control.sock", runtime);
	else if (geteuid() == 0)
		length = snprintf(ret_path, size, "/run/bulkhead/control.sock");
	else if ((runtime = getenv("XDG_RUNTIME_DIR")) != NULL &&
		 *runtime != '\0')
		length = snprintf(
		    ret_path, size, "%s/bulkhead/control.sock", runtime);
	else
		length = snprintf(ret_path, size,
		    "/tmp/bulkhead-%lu/control.sock", (unsigned long)geteuid());
	return (length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0);
}

/* The same as in master/paths.c, from the operator's environment. */
int
collect_default_state(char *ret_path, size_t size)
{
	const char *folder;
	int length;

	if ((folder = getenv("STATE_DIRECTORY")) != NULL && *folder == '/')
		length = snprintf(
		    ret_path, size, "%.*s", (int)strcspn(folder, ":"), folder);
	else if (geteuid() == 0)
		length = snprintf(ret_path, size, "/var/lib/bulkhead");
	else if ((folder = getenv("XDG_STATE_HOME")) != NULL && *folder == '/')
		length = snprintf(ret_path, size, "%s/bulkhead", folder);
	else if ((folder = getenv("HOME")) != NULL && *folder == '/')
		length = snprintf(
		    ret_path, size, "%s/.local/state/bulkhead", folder);
	else
		length = -1;
	return (length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0);
}

static int
open_control(const char *path, int *ret_socket)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int s, status;

	if (strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path))
		return (-ENAMETOOLONG);
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s == -1)
		return (-errno);
	if (connect(s, (const struct sockaddr *)&address, sizeof(address)) ==
	    -1) {
		status = -errno;
		fd_close(&s);
		return (status);
	}
	*ret_socket = s;
	return (0);
}

/* Wait until there is something to read: 0, -ETIMEDOUT or -errno. */
static int
wait_readable(int s, uint64_t deadline_ns)
{
	struct pollfd readable = { .fd = s, .events = POLLIN };
	uint64_t now;
	int n;

	for (;;) {
		now = clock_now();
		if (now >= deadline_ns)
			return (-ETIMEDOUT);
		n = poll(&readable, 1,
		    (int)((deadline_ns - now) / CLOCK_NS_PER_MS) + 1);
		if (n > 0)
			return (0);
		if (n == -1 && errno != EINTR)
			return (-errno);
	}
}

/* The body of a message: an item of ${size} bytes, and nothing else. */
static int
take_body(
    const unsigned char *bytes, size_t length, size_t size, void *ret_body)
{
	struct message_header header;

	memcpy(&header, bytes, sizeof(header));
	if (length != sizeof(header) + size || header.size != size)
		return (-EBADMSG);
	memcpy(ret_body, bytes + sizeof(header), size);
	return (0);
}

/* A message's form: -EBADMSG unless it is one of the answers. */
static int
take_answer(const unsigned char *bytes, size_t length, struct answer *answer)
{
	int type;

	type = message_check(bytes, length, 0);
	if (type < 0)
		return (type);
	answer->type = (enum message_type)type;
	switch (type) {
	case MESSAGE_STATUS_MASTER:
		return (take_body(bytes, length, sizeof(answer->body.master),
		    &answer->body.master));
	case MESSAGE_STATUS_WORKER:
		return (take_body(bytes, length, sizeof(answer->body.worker),
		    &answer->body.worker));
	case MESSAGE_STATUS_MODULE:
		return (take_body(bytes, length, sizeof(answer->body.module),
		    &answer->body.module));
	case MESSAGE_ANSWER:
		return (take_body(bytes, length, sizeof(answer->body.answer),
		    &answer->body.answer));
	case MESSAGE_CRASH:
		return (take_body(bytes, length, sizeof(answer->body.crash),
		    &answer->body.crash));
	case MESSAGE_STATUS_RETIRED:
	case MESSAGE_STATUS_END:
		return (0);
	default:
		return (-EBADMSG);
	}
}

/* The next message; its descriptor, if any, is the caller's. */
static int
receive_answer(int s, uint64_t deadline_ns, struct answer *ret_answer)
{
	unsigned char bytes[sizeof(struct message_header) +
			    sizeof(struct message_status_master)];
	struct answer answer = { .fd = -1 };
	size_t fds;
	ssize_t length;
	int status, truncated;

	do {
		status = wait_readable(s, deadline_ns);
		if (status != 0)
			return (status);
		length = fd_receive(
		    s, bytes, sizeof(bytes), &answer.fd, 1, &fds, &truncated);
	} while (length == -EAGAIN || length == -EINTR);
	if (length < 0)
		return ((int)length);
	if (length == 0)
		return (-ECONNRESET);
	if (fds == 0)
		answer.fd = -1;
	status = take_answer(bytes, (size_t)length, &answer);
	if (status != 0) {
		fd_close(&answer.fd);
		return (status);
	}
	*ret_answer = answer;
	return (0);
}

static int
add_worker(struct collect_status *status, struct answer *answer)
{
	struct collect_worker *workers, *worker;

	if (status->worker_count == COLLECT_WORKERS_MAX)
		return (-E2BIG);
	workers = reallocarray(
	    status->workers, status->worker_count + 1, sizeof(*workers));
	if (workers == NULL)
		return (-ENOMEM);
	status->workers = workers;
	worker = &workers[status->worker_count++];
	memset(worker, 0, sizeof(*worker));
	worker->segment_fd = -1;
	worker->info = answer->body.worker;
	worker->info.state_name[sizeof(worker->info.state_name) - 1] = '\0';
	worker->info.pool[sizeof(worker->info.pool) - 1] = '\0';
	(void)strlcpy(worker->pool, worker->info.pool, sizeof(worker->pool));
	if (status->worker_count > COLLECT_KEPT)
		return (collect_segment(answer->fd, status->wants, worker));
	worker->segment_fd = answer->fd;
	answer->fd = -1;
	return (0);
}

static int
add_module(struct collect_status *status, const struct answer *answer)
{
	struct message_status_module *module;

	if (status->module_count == COLLECT_MODULES_MAX)
		return (-E2BIG);
	module = &status->modules[status->module_count++];
	*module = answer->body.module;
	module->name[sizeof(module->name) - 1] = '\0';
	module->pool[sizeof(module->pool) - 1] = '\0';
	return (0);
}

/*
 * Only when the master has said all: it has no time to wait for us. Those whose
 * descriptors weren't kept have been read.
 */
static int
read_segments(struct collect_status *status)
{
	struct collect_worker *worker;
	size_t i;
	int error = 0;

	for (i = 0; error == 0 && i < status->worker_count; i++) {
		worker = &status->workers[i];
		if (worker->segment_fd == -1)
			continue;
		error =
		    collect_segment(worker->segment_fd, status->wants, worker);
		fd_close(&worker->segment_fd);
	}
	return (error);
}

/* What the dead have counted. False for a figure that isn't theirs. */
static int
add_retired(const struct retired_copy *retired, struct collect_status *status)
{
	const struct retired_block *block;
	struct figures_module *module;
	uint32_t i;

	for (i = 0; i < retired->count; i++) {
		block = &retired->blocks[i];
		if (block->module[0] == '\0') {
			figures_add_words(&status->totals, block->words);
			continue;
		}
		module =
		    figures_module(&status->totals, block->pool, block->module);
		if (module == NULL)
			return (-ENOMEM);
		figures_add_module_words(module, block->words);
	}
	return (0);
}

/*
 * The totals: the living, and the dead that the master has counted, which may
 * include some that lived when we looked at them. Their gauges, then, don't
 * count either.
 */
static int
add_up(struct collect_status *status)
{
	struct retired_copy retired = { .count = 0 };
	int error = read_segments(status);
	size_t i;

	if (error != 0)
		return (error);
	if (status->retired_fd != -1 &&
	    (error = retired_read(status->retired_fd, &retired)) == -ENOMEM)
		return (error);
	/* Without it the totals are those of the living. */
	error = add_retired(&retired, status);
	for (i = 0; error == 0 && i < status->worker_count; i++)
		if (!retired_has(&retired, status->workers[i].info.incarnation))
			error = figures_merge(
			    &status->totals, &status->workers[i].figures);
	status->now_ns = clock_now();
	retired_copy_free(&retired);
	fd_close(&status->retired_fd);
	return (error);
}

/* Take answers up to the last: 0 or -errno. */
static int
converse(int s, uint64_t deadline_ns, struct collect_status *status)
{
	struct message_status_master *master = &status->master;
	struct answer answer;
	bool seen = false;
	int error;

	for (;;) {
		error = receive_answer(s, deadline_ns, &answer);
		if (error != 0)
			return (error);
		if (answer.type == MESSAGE_STATUS_MASTER) {
			*master = answer.body.master;
			master->phase[sizeof(master->phase) - 1] = '\0';
			master->version[sizeof(master->version) - 1] = '\0';
			master->listeners[sizeof(master->listeners) - 1] = '\0';
			master->state_dir[sizeof(master->state_dir) - 1] = '\0';
			seen = true;
		} else if (answer.type == MESSAGE_STATUS_WORKER) {
			error = add_worker(status, &answer);
		} else if (answer.type == MESSAGE_STATUS_MODULE) {
			error = add_module(status, &answer);
		} else if (answer.type == MESSAGE_STATUS_RETIRED) {
			fd_close(&status->retired_fd);
			status->retired_fd = answer.fd;
			answer.fd = -1;
		}
		fd_close(&answer.fd);
		if (error != 0)
			return (error);
		if (answer.type == MESSAGE_STATUS_END)
			return (seen ? add_up(status) : -EBADMSG);
	}
}

static const char *
explain(int error)
{
	switch (error) {
	case -EBADMSG:
		return ("it doesn't speak our protocol; another version?");
	case -ECONNRESET:
		return ("it closed the connection");
	case -ETIMEDOUT:
		return ("no answer in time");
	default:
		return (strerror(-error));
	}
}

int
collect_status(const char *path, unsigned wants,
    struct collect_status *ret_status, char *ret_error, size_t error_size)
{
	struct collect_status status = { .wants = wants, .retired_fd = -1 };
	struct message_header ask;
	uint64_t deadline;
	int error, s;

	error = open_control(path, &s);
	if (error != 0)
		return (fail(ret_error, error_size, error,
		    "no server at %s: %s", path, strerror(-error)));
	deadline = clock_now() + COLLECT_TIMEOUT_MS * CLOCK_NS_PER_MS;
	message_init(&ask, MESSAGE_STATUS, 0, 0);
	error = fd_send(s, &ask, sizeof(ask), NULL, 0);
	if (error == 0)
		error = converse(s, deadline, &status);
	fd_close(&s);
	if (error != 0) {
		collect_free(&status);
		return (fail(ret_error, error_size, error,
		    "no status from the server at %s: %s", path,
		    explain(error)));
	}
	*ret_status = status;
	return (0);
}

/* A reload takes as long as new workers need, and older ones to finish. */
static uint64_t
patience_ms(const struct message_command *command)
{
	return (
	    command->what == COMMAND_RELOAD || command->what == COMMAND_UPGRADE
		? COLLECT_RELOAD_MS
		: COLLECT_TIMEOUT_MS);
}

int
collect_command(const char *path, const struct message_command *command,
    struct message_answer *ret_answer, char *ret_error, size_t error_size)
{
	struct {
		struct message_header header;
		struct message_command body;
	} ask;
	struct answer answer = { .fd = -1 };
	int error, s;

	error = open_control(path, &s);
	if (error != 0)
		return (fail(ret_error, error_size, error,
		    "no server at %s: %s", path, strerror(-error)));
	message_init(
	    &ask.header, MESSAGE_COMMAND, 0, (uint32_t)sizeof(ask.body));
	ask.body = *command;
	error = fd_send(s, &ask, sizeof(ask), NULL, 0);
	if (error == 0)
		error = receive_answer(s,
		    clock_now() + patience_ms(command) * CLOCK_NS_PER_MS,
		    &answer);
	fd_close(&s);
	fd_close(&answer.fd);
	if (error == 0 && answer.type != MESSAGE_ANSWER)
		error = -EBADMSG;
	if (error != 0)
		return (fail(ret_error, error_size, error,
		    "no answer from the server at %s: %s", path,
		    explain(error)));
	*ret_answer = answer.body.answer;
	ret_answer->text[sizeof(ret_answer->text) - 1] = '\0';
	return (0);
}

/* Ask, once all that was asked before is answered: 0 or -errno. */
static int
begin_question(
    struct collect_link *link, enum message_type type, uint64_t deadline_ns)
{
	struct message_header ask;
	struct answer answer;
	int error;

	while (link->owed) {
		error = receive_answer(link->socket, deadline_ns, &answer);
		if (error != 0)
			return (error);
		fd_close(&answer.fd);
		link->owed = answer.type != MESSAGE_STATUS_END;
	}
	message_init(&ask, type, 0, 0);
	error = fd_send(link->socket, &ask, sizeof(ask), NULL, 0);
	link->owed = error == 0;
	return (error);
}

int
collect_ask(struct collect_link *link, uint64_t patience_ms,
    struct collect_status *ret_status, char *ret_error, size_t error_size)
{
	const uint64_t deadline = clock_now() + patience_ms * CLOCK_NS_PER_MS;
	struct collect_status status = {
		.wants = link->wants,
		.retired_fd = -1,
	};
	int error;

	error = begin_question(link, MESSAGE_STATUS, deadline);
	if (error == 0)
		error = converse(link->socket, deadline, &status);
	if (error != 0) {
		collect_free(&status);
		return (fail(ret_error, error_size, error,
		    "no status from the master: %s", explain(error)));
	}
	link->owed = false;
	*ret_status = status;
	return (0);
}

int
collect_ask_crashes(struct collect_link *link, uint64_t patience_ms,
    int (*take)(const char *id, int fd, void *argument), void *argument,
    char *ret_error, size_t error_size)
{
	const uint64_t deadline = clock_now() + patience_ms * CLOCK_NS_PER_MS;
	struct answer answer;
	char *id = answer.body.crash.id;
	int error;

	error = begin_question(link, MESSAGE_CRASHES, deadline);
	while (error == 0 && link->owed) {
		error = receive_answer(link->socket, deadline, &answer);
		if (error != 0)
			break;
		id[sizeof(answer.body.crash.id) - 1] = '\0';
		if (answer.type == MESSAGE_CRASH && answer.fd != -1)
			(void)take(id, answer.fd, argument);
		fd_close(&answer.fd);
		link->owed = answer.type != MESSAGE_STATUS_END;
	}
	if (error != 0)
		return (fail(ret_error, error_size, error,
		    "no crash reports from the master: %s", explain(error)));
	return (0);
}

void
collect_free(struct collect_status *status)
{
	size_t i;

	for (i = 0; i < status->worker_count; i++) {
		if (status->workers[i].segment_fd > 0)
			fd_close(&status->workers[i].segment_fd);
		figures_free(&status->workers[i].figures);
		free(status->workers[i].requests);
		free(status->workers[i].entries);
	}
	if (status->retired_fd > 0)
		fd_close(&status->retired_fd);
	figures_free(&status->totals);
	free(status->workers);
	status->workers = NULL;
	status->worker_count = 0;
}
