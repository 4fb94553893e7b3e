/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages from and to one worker. Runs in the master.
 */
#include "master/channel.h"

#include "master/access_log.h"
#include "master/config_site.h"
#include "master/master.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What follows a header, by type. */
static size_t
item_size(uint16_t type)
{
	switch (type) {
	case MESSAGE_TAKEN:
	case MESSAGE_CLOSED:
	case MESSAGE_REFUSED:
	case MESSAGE_RELEASED:
		return (sizeof(struct message_slot));
	default:
		return (0);
	}
}

static void
nonsense(struct worker *worker, const char *what)
{
	(void)reason_set(&worker->failure, -EBADMSG,
	    "worker %u (pid %d) broke the protocol, %s: killed",
	    (unsigned)worker->number, (int)worker->pid, what);
	supervise_event(worker, WORKER_NONSENSE);
}

/* A step of its start, in its turn. */
static void
hear_step(
    struct worker *worker, enum worker_state state, enum worker_event event)
{
	if (worker->state == state)
		supervise_event(worker, event);
	else if (worker->state != WORKER_DYING)
		nonsense(worker, "a step of its start out of turn");
}

static void
hear_failed(struct worker *worker, const char *text, size_t size)
{
	/* Before its generation serves the reason speaks for itself. */
	if (worker->pool->generation->state == GENERATION_STARTING)
		(void)reason_set(
		    &worker->failure, -ECANCELED, "%.*s", (int)size, text);
	else
		(void)reason_set(&worker->failure, -ECANCELED,
		    "worker %u (pid %d) can't start: %.*s",
		    (unsigned)worker->number, (int)worker->pid, (int)size,
		    text);
	supervise_event(worker, WORKER_FAILED);
}

/* One of four kinds of report about slots. */
static void
hear_report(struct worker *worker, enum message_type type, const uint8_t *body,
    uint32_t count)
{
	struct message_slot slots[MESSAGE_SLOTS];

	if (worker->state < WORKER_SERVING) {
		nonsense(worker, "a report before it was ready");
		return;
	}
	if (count == 0 || count > MESSAGE_SLOTS) {
		nonsense(worker, "a report with no slots or too many");
		return;
	}
	memcpy(slots, body, count * sizeof(*slots));
	handoff_report(worker, type, slots, count);
	if (worker->bad_reports > CHANNEL_LIES_MAX)
		nonsense(worker, "reports that can't be true");
}

static void
hear(struct worker *worker, const uint8_t *bytes, size_t size)
{
	struct message_header header;
	const uint8_t *body = bytes + sizeof(header);

	memset(&header, 0, sizeof(header));
	memcpy(&header, bytes, size < sizeof(header) ? size : sizeof(header));
	if (message_check(bytes, size, item_size(header.type)) < 0) {
		nonsense(worker, "a malformed message");
		return;
	}
	switch (header.type) {
	case MESSAGE_MAPPED:
		hear_step(worker, WORKER_BOOTING, WORKER_MAPPED);
		break;
	case MESSAGE_READY:
		hear_step(worker, WORKER_LOADING, WORKER_READY);
		break;
	case MESSAGE_FAILED:
		hear_failed(worker, (const char *)body, header.size);
		break;
	case MESSAGE_TAKEN:
	case MESSAGE_CLOSED:
	case MESSAGE_REFUSED:
	case MESSAGE_RELEASED:
		hear_report(worker, header.type, body, header.count);
		break;
	default:
		nonsense(worker, "a message that isn't a worker's to send");
		break;
	}
}

/* Returns false when there is nothing more to read now. */
static bool
read_one(struct worker *worker)
{
	uint8_t buffer[CHANNEL_BUFFER];
	size_t count = 0;
	ssize_t size;
	int truncated = 0;

	/* Muted or closed by what the last message has led to. */
	if (!worker->channel.added)
		return (false);
	size = fd_receive(worker->socket, buffer, sizeof(buffer), NULL, 0,
	    &count, &truncated);
	if (size == -EAGAIN)
		return (false);
	/* It died with messages of ours unread; what it said comes next. */
	if (size == -EINTR || size == -ECONNRESET)
		return (true);
	if (size == -EMSGSIZE || truncated) {
		nonsense(worker, "a message that is too long or has "
				 "descriptors");
		return (false);
	}
	if (size <= 0) {
		channel_mute(worker);
		supervise_event(worker, WORKER_HUNG_UP);
		return (false);
	}
	hear(worker, buffer, (size_t)size);
	return (true);
}

static void
channel_ready(struct loop_source *source, uint32_t events)
{
	struct worker *worker = source->owner;

	if ((events & EPOLLOUT) != 0) {
		worker->blocked = false;
		channel_pay(worker);
		handoff_run(worker->master);
	}
	if ((events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	for (int i = 0; i < CHANNEL_MESSAGES; i++)
		if (!read_one(worker))
			break;
}

void
channel_init(struct worker *worker)
{
	worker->channel.owner = worker;
	worker->channel.handle = channel_ready;
}

int
channel_open(struct worker *worker)
{
	int size = CHANNEL_SNDBUF;

	/* More room is better, not necessary. */
	(void)setsockopt(
	    worker->socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return (loop_add(
	    &worker->master->loop, &worker->channel, worker->socket, EPOLLIN));
}

void
channel_mute(struct worker *worker)
{
	loop_remove(&worker->master->loop, &worker->channel);
}

void
channel_close(struct worker *worker)
{
	channel_mute(worker);
	fd_close(&worker->socket);
}

int
channel_send(struct worker *worker, enum message_type type)
{
	struct message_header header;

	message_init(&header, type, 0, 0);
	return (fd_send(worker->socket, &header, sizeof(header), NULL, 0));
}

/* Add a string and its NUL to a list, if there is a list; count its bytes. */
static size_t
add_string(char *list, size_t used, const char *string)
{
	size_t size = strlen(string) + 1;

	if (list != NULL)
		memcpy(list + used, string, size);
	return (used + size);
}

/* BOOT's list of strings. With ${list} NULL it is only measured. */
static size_t
write_strings(const struct config_pool *config, char *list)
{
	const char *const sandbox[] = { config->sandbox_syscalls,
		config->sandbox_read, config->sandbox_write };
	const struct config_module *module;
	size_t used = 0;

	for (size_t i = 0; i < sizeof(sandbox) / sizeof(sandbox[0]); i++)
		used = add_string(
		    list, used, sandbox[i] == NULL ? "" : sandbox[i]);
	for (uint32_t i = 0; i < config->module_count; i++) {
		module = &config->modules[i];
		used = add_string(list, used, module->path);
		used = add_string(list, used, module->name);
		for (size_t j = 0; j < module->setting_count; j++)
			used = add_string(list, used, module->settings[j]);
		used = add_string(list, used, "");
	}
	return (used);
}

/* The pool's sites, behind that; *${ret_count} of them. */
static size_t
write_sites(const struct config *config, const struct config_pool *pool,
    char *list, uint32_t *ret_count)
{
	const struct config_site *site;
	size_t used = 0;

	*ret_count = 0;
	for (uint32_t i = 0; i < config->site_count; i++) {
		site = config->sites[i];
		if (config->pools[site->pool] != pool)
			continue;
		used = config_site_write(site, add_string, list, used);
		++*ret_count;
	}
	return (used);
}

int
channel_send_boot(struct worker *worker)
{
	const struct config_pool *config = worker->pool->config;
	const int fds[] = { worker->segment_fds.ro, worker->segment_fds.rw,
		worker->segment_fds.buffers };
	struct message_header header;
	struct message_boot boot;
	const struct config *server = worker->pool->generation->config;
	uint32_t sites;
	size_t modules = write_strings(config, NULL);
	size_t site_bytes = write_sites(server, config, NULL, &sites);
	size_t strings = modules + site_bytes;
	size_t size = sizeof(header) + sizeof(boot) + strings;
	char *bytes, *list;
	int error;

	if (size > MESSAGE_MAX)
		return (-E2BIG);
	bytes = malloc(size);
	if (bytes == NULL)
		return (-ENOMEM);
	memset(&boot, 0, sizeof(boot));
	boot.worker = worker->number;
	boot.incarnation = worker->incarnation;
	boot.modules = config->module_count;
	boot.log_level = worker->master->log_level;
	boot.strings = (uint32_t)strings;
	boot.sites = sites;
	boot.site_bytes = (uint32_t)site_bytes;
	boot.strict_hosts = config->strict_hosts;
	boot.quarantined = worker->unloaded;
	boot.limits = config->limits;
	boot.sandbox = config->sandbox;
	(void)strlcpy(boot.pool, config->name, sizeof(boot.pool));
	message_init(
	    &header, MESSAGE_BOOT, 0, (uint32_t)(size - sizeof(header)));
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &boot, sizeof(boot));
	list = bytes + sizeof(header) + sizeof(boot);
	(void)write_strings(config, list);
	(void)write_sites(server, config, list + modules, &sites);
	error = fd_send(worker->socket, bytes, size, fds, 3);
	explicit_bzero(list, strings); /* settings may be secrets */
	free(bytes);
	return (error);
}

static int
send_quarantine(struct worker *worker)
{
	struct {
		struct message_header header;
		struct message_quarantine body;
	} message;

	message_init(&message.header, MESSAGE_QUARANTINE, 0,
	    (uint32_t)sizeof(message.body));
	quarantine_message(worker, &message.body);
	return (fd_send(worker->socket, &message, sizeof(message), NULL, 0));
}

static int
send_log_level(struct worker *worker)
{
	struct {
		struct message_header header;
		struct message_log_level body;
	} message;

	message_init(&message.header, MESSAGE_LOG_LEVEL, 0,
	    (uint32_t)sizeof(message.body));
	message.body = (struct message_log_level){
		.level = worker->master->log_level,
	};
	return (fd_send(worker->socket, &message, sizeof(message), NULL, 0));
}

/* Send one kind of message that is owed. */
static int
pay(struct worker *worker, enum channel_debt debt)
{
	if (debt == CHANNEL_QUARANTINE)
		return (send_quarantine(worker));
	if (debt == CHANNEL_LOG)
		return (access_log_send(worker));
	if (debt == CHANNEL_LOG_LEVEL)
		return (send_log_level(worker));
	return (channel_send(
	    worker, debt == CHANNEL_RETIRE ? MESSAGE_RETIRE : MESSAGE_DRAIN));
}

void
channel_pay(struct worker *worker)
{
	static const enum channel_debt debts[] = { CHANNEL_LOG,
		CHANNEL_LOG_LEVEL, CHANNEL_QUARANTINE, CHANNEL_RETIRE,
		CHANNEL_DRAIN };

	for (size_t i = 0; i < sizeof(debts) / sizeof(debts[0]); i++) {
		if ((worker->owed & debts[i]) == 0)
			continue;
		/* Another failure: it is gone, and we shall hear of it. */
		if (pay(worker, debts[i]) == -EAGAIN)
			break;
		worker->owed &= ~(unsigned)debts[i];
	}
	channel_watch_room(worker);
}

void
channel_owe(struct worker *worker, enum channel_debt debt)
{
	worker->owed |= debt;
	channel_pay(worker);
}

void
channel_watch_room(struct worker *worker)
{
	uint32_t events = EPOLLIN;

	if (worker->blocked || worker->owed != 0)
		events |= EPOLLOUT;
	loop_change(&worker->master->loop, &worker->channel, events);
}

void
channel_read_all(struct worker *worker)
{
	/* More than any socket's queue holds; an end all the same. */
	for (int i = 0; i < 64 * 1024; i++)
		if (!read_one(worker))
			break;
}
