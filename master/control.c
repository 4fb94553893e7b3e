/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answering bulkheadctl. An answer is several messages, sent as the client
 * takes them: one that doesn't is dropped after a while. Runs in the master.
 */
#include "master/control.h"

#include "master/command.h"
#include "master/identity.h"
#include "master/master.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/message.h"

#include <bsd/string.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
drop(struct control_client *client)
{
	struct loop *loop = &client->control->master->loop;

	loop_timer_clear(loop, &client->patience);
	loop_remove(loop, &client->source);
	fd_close(&client->fd);
	client->answering = false;
	if (client->crashes != NULL)
		crash_list_close(client->crashes);
	client->crashes = NULL;
	client->reload = 0;
	client->upgrade = false;
}

static int
send_body(const struct control_client *client, enum message_type type,
    const void *body, size_t size, int fd)
{
	uint8_t bytes[sizeof(struct message_header) +
		      sizeof(struct message_status_master)];
	struct message_header header;

	message_init(&header, type, 0, (uint32_t)size);
	memcpy(bytes, &header, sizeof(header));
	if (size > 0)
		memcpy(bytes + sizeof(header), body, size);
	return (fd_send(
	    client->fd, bytes, sizeof(header) + size, &fd, fd == -1 ? 0 : 1));
}

static int
send_master(const struct control_client *client)
{
	const struct master *master = client->control->master;
	struct message_status_master body;

	memset(&body, 0, sizeof(body));
	body.pid = (uint64_t)getpid();
	body.started_ns = master->started_ns;
	body.now_ns = clock_now();
	body.accepted = master->acceptor.accepted;
	body.connections_open = master->connections.open;
	body.connections_max = master->connections.max;
	body.handover_queue = master->connections.queued;
	body.workers_started = master->workers_started;
	body.workers_died = master->workers_died;
	body.workers = server_count_regular(master);
	(void)strlcpy(
	    body.phase, server_phase_name(master), sizeof(body.phase));
	body.generation = master->generation->number;
	body.pools = master->generation->pool_count;
	(void)strlcpy(body.version, BULKHEAD_VERSION, sizeof(body.version));
	if (master->config->state_dir != NULL)
		(void)strlcpy(body.state_dir, master->config->state_dir,
		    sizeof(body.state_dir));
	for (size_t i = 0; i < master->acceptor.now.count; i++) {
		(void)strlcat(body.listeners,
		    master->acceptor.now.listeners[i]->name,
		    sizeof(body.listeners));
		(void)strlcat(body.listeners, "\n", sizeof(body.listeners));
	}
	return (
	    send_body(client, MESSAGE_STATUS_MASTER, &body, sizeof(body), -1));
}

static const char *
state_name(const struct worker *worker)
{
	if (worker->role == WORKER_SPARE && worker->state == WORKER_SERVING)
		return ("spare");
	return (supervise_state_name(worker->state));
}

static int
send_worker(const struct control_client *client, const struct worker *worker)
{
	struct message_status_worker body;
	/* Before it is sealed a segment isn't anybody's to see. */
	int fd = worker->view.base != NULL ? worker->segment_fds.ro : -1;

	/* One that isn't in use is nobody's business. */
	if (worker->role == WORKER_RESERVE && worker->state == WORKER_DOWN)
		return (0);
	memset(&body, 0, sizeof(body));
	body.worker = worker->number;
	body.incarnation = worker->incarnation;
	body.pid = (uint64_t)worker->pid;
	body.started_ns = worker->started_ns;
	body.connections = worker->owner.count;
	body.state = worker->state;
	body.segment_fd = fd != -1;
	(void)strlcpy(
	    body.state_name, state_name(worker), sizeof(body.state_name));
	(void)strlcpy(body.pool, worker->pool->config->name, sizeof(body.pool));
	body.generation = worker->pool->generation->number;
	return (
	    send_body(client, MESSAGE_STATUS_WORKER, &body, sizeof(body), fd));
}

static int
send_module(
    const struct control_client *client, const struct pool *pool, uint32_t id)
{
	const struct quarantine_module *module = &pool->quarantine.modules[id];
	struct message_status_module body;

	memset(&body, 0, sizeof(body));
	body.module = id;
	body.quarantined = module->active;
	body.crashes = module->crashes;
	body.since_ns = module->active ? module->since_ns : 0;
	(void)strlcpy(
	    body.name, pool->config->modules[id].name, sizeof(body.name));
	(void)strlcpy(body.pool, pool->config->name, sizeof(body.pool));
	return (
	    send_body(client, MESSAGE_STATUS_MODULE, &body, sizeof(body), -1));
}

/* And with it the answer is whole. */
static int
send_end(struct control_client *client)
{
	int error = send_body(client, MESSAGE_STATUS_END, NULL, 0, -1);

	if (error == 0)
		client->answering = false;
	return (error);
}

static int
send_crash(struct control_client *client)
{
	struct message_crash body;
	int error, fd;

	fd = crash_list_take(client->crashes, &body);
	if (fd == -1)
		return (send_end(client));
	error = send_body(client, MESSAGE_CRASH, &body, sizeof(body), fd);
	fd_close(&fd);
	if (error != 0)
		crash_list_return(client->crashes);
	return (error);
}

/*
 * After the living: whoever dies between two messages is then in it, and a
 * monitor sees that.
 */
static int
send_retired(struct control_client *client)
{
	const struct retired *retired = &client->control->master->retired;

	client->cursor.part = CONTROL_END;
	if (retired->memory == NULL)
		return (send_end(client));
	return (
	    send_body(client, MESSAGE_STATUS_RETIRED, NULL, 0, retired->ro));
}

/* The next module of the generation that serves, or what comes then. */
static int
send_next_module(struct control_client *client)
{
	const struct generation *generation =
	    client->control->master->generation;
	uint32_t index = client->cursor.module;
	const struct pool *pool;

	for (uint32_t i = 0; i < generation->pool_count; i++) {
		pool = &generation->pools[i];
		if (index < pool->config->module_count) {
			client->cursor.module++;
			return (send_module(client, pool, index));
		}
		index -= pool->config->module_count;
	}
	client->cursor.part = CONTROL_RETIRED;
	return (send_retired(client));
}

/*
 * The next message of a status. Between two of them workers may come and go;
 * their numbers keep the order.
 */
static int
send_next(struct control_client *client)
{
	struct master *master = client->control->master;
	const struct worker *worker;

	if (client->crashes != NULL)
		return (send_crash(client));
	switch (client->cursor.part) {
	case CONTROL_MASTER:
		client->cursor.part = CONTROL_WORKERS;
		return (send_master(client));
	case CONTROL_WORKERS:
		worker = pools_next_worker(master, client->cursor.worker);
		if (worker != NULL) {
			client->cursor.worker = worker->number;
			return (send_worker(client, worker));
		}
		client->cursor.part = CONTROL_MODULES;
		return (send_next_module(client));
	case CONTROL_MODULES:
		return (send_next_module(client));
	case CONTROL_RETIRED:
		return (send_retired(client));
	case CONTROL_END:
		break;
	}
	return (send_end(client));
}

/* At most a message for each worker, and fewer if the client is slow. */
static void
answer(struct control_client *client)
{
	struct master *master = client->control->master;
	struct control_cursor before;
	int error;

	while (client->answering) {
		before = client->cursor;
		error = send_next(client);
		if (error == -EAGAIN || error == -ETOOMANYREFS) {
			client->cursor = before;
			loop_change(&master->loop, &client->source, EPOLLOUT);
			return;
		}
		if (error != 0) {
			drop(client);
			return;
		}
	}
	if (client->crashes != NULL)
		crash_list_close(client->crashes);
	client->crashes = NULL;
	loop_timer_clear(&master->loop, &client->patience);
	loop_change(&master->loop, &client->source, EPOLLIN);
}

/* Whoever may open the socket may look; only root and our own user may act. */
static bool
may_command(const struct control_client *client)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	/* The socket pair is our own, whoever is at its other end. */
	if (client == &client->control->admin)
		return (false);
	return (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ==
		    0 &&
		(peer.uid == 0 || peer.uid == geteuid()));
}

static int
send_answer(const struct control_client *client, int status, const char *text)
{
	struct message_answer answer;

	memset(&answer, 0, sizeof(answer));
	answer.status = status;
	(void)strlcpy(answer.text, text, sizeof(answer.text));
	return (send_body(client, MESSAGE_ANSWER, &answer, sizeof(answer), -1));
}

void
control_tell_reload(
    struct control *control, uint32_t number, int status, const char *text)
{
	struct control_client *client;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		client = &control->clients[i];
		if (client->reload != number)
			continue;
		client->reload = 0;
		if (send_answer(client, status, text) != 0)
			drop(client);
	}
}

void
control_tell_upgrade(struct control *control, int status, const char *text)
{
	struct control_client *client;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		client = &control->clients[i];
		if (!client->upgrade)
			continue;
		client->upgrade = false;
		if (send_answer(client, status, text) != 0)
			drop(client);
	}
}

int
control_upgrade_client(const struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].upgrade)
			return (control->clients[i].fd);
	return (-1);
}

void
control_resume(struct control *control, int fd, uint32_t reload)
{
	struct control_client *client = &control->clients[0];

	if (fd == -1)
		return;
	if (loop_add(&control->master->loop, &client->source, fd, EPOLLIN) !=
	    0) {
		fd_close(&fd);
		return;
	}
	client->fd = fd;
	client->reload = reload;
	client->upgrade = reload == 0;
}

static bool
ask_for_upgrade(struct control_client *client)
{
	struct reason why;
	int error = upgrade_want(client->control->master, &why);

	if (error != 0)
		return (send_answer(client, error, why.text) == 0);
	client->upgrade = true;
	return (true);
}

/* It is answered when the reload is over, which may be at once. */
static void
ask_for_reload(struct control_client *client)
{
	struct master *master = client->control->master;

	client->reload = reload_number(master);
	reload_want(master);
}

/* False when it isn't a command, or its answer can't be sent. */
static bool
follow_command(struct control_client *client, const uint8_t *bytes, size_t size)
{
	struct message_command command;
	struct message_answer answer;

	if (size != sizeof(struct message_header) + sizeof(command))
		return (false);
	memcpy(
	    &command, bytes + sizeof(struct message_header), sizeof(command));
	if (!may_command(client))
		return (send_answer(client, -EPERM,
			    "only root and the server's own user may do "
			    "that") == 0);
	if (command.what == COMMAND_RELOAD) {
		ask_for_reload(client);
		return (true);
	}
	if (command.what == COMMAND_UPGRADE)
		return (ask_for_upgrade(client));
	command_run(client->control->master, &command, &answer);
	return (send_body(
		    client, MESSAGE_ANSWER, &answer, sizeof(answer), -1) == 0);
}

static void
read_question(struct control_client *client)
{
	uint8_t bytes[sizeof(struct message_header) +
		      sizeof(struct message_command)];
	int type;
	size_t count = 0;
	ssize_t size;
	int truncated = 0;

	size = fd_receive(
	    client->fd, bytes, sizeof(bytes), NULL, 0, &count, &truncated);
	if (size == -EAGAIN || size == -EINTR)
		return;
	type = size <= 0 || truncated ? -EBADMSG
				      : message_check(bytes, (size_t)size, 0);
	if (type == MESSAGE_COMMAND && client->reload == 0 &&
	    !client->upgrade && follow_command(client, bytes, (size_t)size))
		return;
	if (type == MESSAGE_CRASHES && client == &client->control->admin) {
		client->crashes = &client->control->crashes;
		crash_list_open(client->crashes,
		    client->control->master->config->state_dir);
	} else if (type != MESSAGE_STATUS || client->reload != 0 ||
		   client->upgrade) {
		drop(client);
		return;
	}
	client->answering = true;
	memset(&client->cursor, 0, sizeof(client->cursor));
	loop_timer_set(&client->control->master->loop, &client->patience,
	    CONTROL_PATIENCE_MS);
	answer(client);
}

static void
client_ready(struct loop_source *source, uint32_t events)
{
	struct control_client *client = source->owner;

	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		drop(client);
	else if (client->answering)
		answer(client);
	else
		read_question(client);
}

static void
patience_over(struct loop_timer *timer)
{
	drop(timer->owner);
}

/*
 * A place for one more. When all are taken, one that waits for no answer has
 * to go, each in its turn.
 */
static struct control_client *
find_place(struct control *control)
{
	struct control_client *client;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].fd == -1)
			return (&control->clients[i]);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		client = &control->clients[control->turn];
		control->turn = (control->turn + 1) % CONTROL_CLIENTS;
		if (!client->answering && client->reload == 0 &&
		    !client->upgrade) {
			drop(client);
			return (client);
		}
	}
	return (NULL);
}

static void
watch_listener(struct control *control)
{
	struct loop *loop = &control->master->loop;

	if (loop_add(loop, &control->source, control->listener.fd, EPOLLIN) !=
	    0)
		loop_timer_set(loop, &control->retry, CONTROL_RETRY_MS);
}

static void
retry_due(struct loop_timer *timer)
{
	watch_listener(timer->owner);
}

/* The system is out of something: look away, or we should spin. */
static void
rest(struct control *control)
{
	loop_remove(&control->master->loop, &control->source);
	loop_timer_set(
	    &control->master->loop, &control->retry, CONTROL_RETRY_MS);
}

static void
control_ready(struct loop_source *source, uint32_t events)
{
	struct control *control = source->owner;
	struct control_client *client;
	int fd;

	(void)events;
	fd = accept4(
	    control->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EAGAIN)
			rest(control);
		return;
	}
	client = find_place(control);
	if (client == NULL || loop_add(&control->master->loop, &client->source,
				  fd, EPOLLIN) != 0) {
		fd_close(&fd);
		return;
	}
	client->fd = fd;
}

static void
init_client(struct control *control, struct control_client *client)
{
	client->control = control;
	client->fd = -1;
	client->source.owner = client;
	client->source.handle = client_ready;
	client->patience.owner = client;
	client->patience.handle = patience_over;
}

/* The group that may read: 0, or -errno with the line in ${why}. */
static int
give_to_group(const struct control *control, struct reason *why)
{
	const struct config *config = control->master->config;
	gid_t gid;

	if (config->control_group == NULL)
		return (0);
	if (identity_find_group(config->control_group, &gid) != 0)
		return (reason_set(why, -EINVAL,
		    "control-group: there is no group '%s'; write the name or "
		    "number of one that there is",
		    config->control_group));
	if (lchown(control->listener.address.sun_path, (uid_t)-1, gid) != 0)
		return (reason_set(why, -errno,
		    "control-group: the control socket can't be given to "
		    "group '%s': %s",
		    config->control_group, strerror(errno)));
	return (0);
}

static void
init(struct control *control)
{
	memset(control, 0, sizeof(*control));
	control->listener.fd = -1;
	control->source.owner = control;
	control->source.handle = control_ready;
	control->retry.owner = control;
	control->retry.handle = retry_due;
	control->crashes.folder = -1;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		init_client(control, &control->clients[i]);
	init_client(control, &control->admin);
}

static int
listen_on(struct control *control, struct master *master, struct reason *why)
{
	int error;

	control->master = master;
	error = loop_add(
	    &master->loop, &control->source, control->listener.fd, EPOLLIN);
	if (error != 0)
		return (reason_set(why, error,
		    "can't watch the control socket: %s", strerror(-error)));
	return (0);
}

int
control_open(struct control *control, struct master *master, struct reason *why)
{
	int error;

	init(control);
	error = unix_socket_listen(&control->listener, master->config->control,
	    SOCK_SEQPACKET, CONTROL_MODE, why);
	if (error != 0)
		return (error);
	control->master = master;
	error = give_to_group(control, why);
	return (error == 0 ? listen_on(control, master, why) : error);
}

int
control_adopt(struct control *control, struct master *master,
    const struct unix_socket *listener, struct reason *why)
{
	init(control);
	control->listener = *listener;
	return (listen_on(control, master, why));
}

void
control_close(struct control *control)
{
	if (control->master == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		drop(&control->clients[i]);
	drop(&control->admin);
	loop_timer_clear(&control->master->loop, &control->retry);
	loop_remove(&control->master->loop, &control->source);
	unix_socket_close(&control->listener);
	control->master = NULL;
}

int
control_attach(struct control *control, int fd)
{
	int error;

	control_detach(control);
	error = loop_add(
	    &control->master->loop, &control->admin.source, fd, EPOLLIN);
	if (error != 0) {
		fd_close(&fd);
		return (error);
	}
	control->admin.fd = fd;
	return (0);
}

void
control_detach(struct control *control)
{
	if (control->master != NULL)
		drop(&control->admin);
}
