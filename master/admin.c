/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of bulkhead-admin. Runs in the master, and between fork and exec in
 * the child.
 */
#include "master/admin.h"

#include "master/child.h"
#include "master/let_go.h"
#include "master/master.h"
#include "master/obituary.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
is_local(const struct address *address)
{
	const struct sockaddr_in *in =
	    (const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *in6 =
	    (const struct sockaddr_in6 *)&address->storage;

	switch (address->storage.ss_family) {
	case AF_UNIX:
		return (true);
	case AF_INET:
		return (ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET);
	case AF_INET6:
		return (!address->any && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
	default:
		return (false);
	}
}

int
admin_address(const char *text, struct address *ret_address, struct reason *why)
{
	struct reason inner;

	if (address_parse(text, ret_address, &inner) != 0)
		return (reason_set(
		    why, -EINVAL, "setting admin: %.900s", inner.text));
	if (!is_local(ret_address))
		return (reason_set(why, -EINVAL,
		    "setting admin: %s can be reached from other machines, and "
		    "the page asks nobody who he is; write 127.0.0.1:PORT, "
		    "[::1]:PORT or unix:PATH, and put a proxy before it for "
		    "others",
		    text));
	return (0);
}

int
admin_check(const struct config *config, struct reason *why)
{
	struct address address;
	struct reason inner;
	int error;

	error = admin_address(config->admin, &address, why);
	if (error != 0)
		return (error);
	error = listener_check(&address, &inner);
	if (error != 0)
		return (reason_set(
		    why, error, "setting admin: %.900s", inner.text));
	return (0);
}

static _Noreturn void
become_admin(const char *path, const int *fds, size_t count)
{
	char name[] = "bulkhead-admin";
	char *const arguments[] = { name, NULL };
	int error;

	child_begin();
	error = child_arrange_descriptors(fds, count);
	if (error == 0) {
		(void)execv(path, arguments);
		error = -errno;
	}
	log_err("can't run %s: %s", path, strerror(-error));
	_exit(127);
}

/* 3: where clients connect; 4: where it asks us. */
static int
spawn(struct admin *admin, int socket)
{
	const int fds[] = { admin->listener.fd, socket };
	int error;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return (-errno);
	if (pid == 0)
		become_admin(admin->program, fds, 2);
	error = child_watch(pid, &admin->pidfd);
	if (error == 0)
		admin->pid = pid;
	return (error);
}

static void
forget(struct admin *admin)
{
	loop_remove(&admin->master->loop, &admin->death);
	control_detach(&admin->master->control);
	let_go(NULL, &admin->pidfd);
	admin->pid = 0;
}

static void
finish(struct admin *admin)
{
	if (admin->pid != 0 && admin->pidfd != -1)
		(void)pidfd_send_signal(admin->pidfd, SIGKILL, NULL, 0);
	forget(admin);
}

/* It isn't wanted there any more. */
static void
forget_config(struct admin *admin)
{
	listener_close(&admin->listener);
	free(admin->address);
	free(admin->program);
	admin->address = admin->program = NULL;
}

static int
start(struct admin *admin)
{
	struct master *master = admin->master;
	int error, sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, sockets) != 0)
		return (-errno);
	error = spawn(admin, sockets[1]);
	fd_close(&sockets[1]);
	if (error != 0) {
		fd_close(&sockets[0]);
		return (error);
	}
	error = control_attach(&master->control, sockets[0]);
	if (error == 0)
		error = loop_add(
		    &master->loop, &admin->death, admin->pidfd, EPOLLIN);
	return (error);
}

/* As with workers: the first quick death may be an accident. */
static void
plan(struct admin *admin)
{
	uint32_t after_ms = supervise_backoff(admin->quick_deaths);

	loop_timer_set(&admin->master->loop, &admin->timer, after_ms);
}

void
admin_start(struct admin *admin)
{
	int error;

	if (admin->address == NULL)
		return;
	admin->started_ns = clock_now();
	error = start(admin);
	if (error == 0)
		return;
	log_warn("can't start bulkhead-admin: %s", strerror(-error));
	finish(admin);
	admin->quick_deaths++;
	plan(admin);
}

static void
start_due(struct loop_timer *timer)
{
	admin_start(timer->owner);
}

static void
death_told(struct loop_source *source, uint32_t events)
{
	struct admin *admin = source->owner;
	char how[OBITUARY_HOW];
	siginfo_t end;
	uint64_t lived_ms;

	(void)events;
	memset(&end, 0, sizeof(end));
	/* Our own child and readable: this neither fails nor waits. */
	(void)waitid(
	    P_PIDFD, (id_t)admin->pidfd, &end, WEXITED | WNOHANG | WNOWAIT);
	obituary_tell_end(&end, CAUSE_OWN, how);
	if (admin->retired) {
		admin->retired = false;
		forget(admin);
		admin_start(admin);
		return;
	}
	log_warn("bulkhead-admin (pid %d) %s; it is started again",
	    (int)admin->pid, how);
	lived_ms = (clock_now() - admin->started_ns) / CLOCK_NS_PER_MS;
	if (lived_ms >= SUPERVISE_HEALTHY_MS)
		admin->quick_deaths = 0;
	else if (lived_ms < SUPERVISE_QUICK_MS)
		admin->quick_deaths++;
	forget(admin);
	plan(admin);
}

/* Take what ${config} says, or leave everything as it was. */
static int
take_config(
    struct admin *admin, const struct config *config, struct reason *why)
{
	char *address = strdup(config->admin);
	char *program = strdup(config->admin_program);
	struct listener listener;
	struct address parsed;
	struct reason inner;
	int error;

	if (address == NULL || program == NULL)
		error = reason_set(why, -ENOMEM, "out of memory");
	else
		error = admin_address(address, &parsed, why);
	if (error == 0) {
		error = listener_open(&listener, &parsed, &inner);
		if (error != 0)
			(void)reason_set(
			    why, error, "setting admin: %.900s", inner.text);
	}
	if (error != 0) {
		free(address);
		free(program);
		return (error);
	}
	forget_config(admin);
	admin->address = address;
	admin->program = program;
	admin->listener = listener;
	return (0);
}

int
admin_open(struct admin *admin, struct master *master, struct reason *why)
{
	memset(admin, 0, sizeof(*admin));
	admin->master = master;
	admin->listener.fd = admin->listener.path.fd = -1;
	admin->pidfd = -1;
	admin->death.owner = admin;
	admin->death.handle = death_told;
	admin->timer.owner = admin;
	admin->timer.handle = start_due;
	if (master->config->admin == NULL)
		return (0);
	return (take_config(admin, master->config, why));
}

static bool
is_same(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a == b);
	return (strcmp(a, b) == 0);
}

void
admin_follow(struct admin *admin, const struct config *config)
{
	struct reason why;

	if (is_same(admin->address, config->admin))
		return;
	if (config->admin == NULL) {
		forget_config(admin);
		log_info("no status page and metrics any more");
	} else if (take_config(admin, config, &why) != 0) {
		log_warn("the status page stays as it is: %s", why.text);
		return;
	}
	admin_tell(admin);
	loop_timer_clear(&admin->master->loop, &admin->timer);
	admin->quick_deaths = 0;
	if (admin->pid == 0) {
		admin_start(admin);
	} else {
		admin->retired = true;
		(void)pidfd_send_signal(admin->pidfd, SIGKILL, NULL, 0);
	}
}

void
admin_tell(const struct admin *admin)
{
	const char *name = admin->listener.name;

	if (admin->address == NULL)
		return;
	if (strncmp(name, "unix:", 5) == 0)
		log_info("status page and metrics on %s", name);
	else
		log_info("status page and metrics on http://%s/", name);
}

void
admin_close(struct admin *admin)
{
	if (admin->master == NULL)
		return;
	loop_timer_clear(&admin->master->loop, &admin->timer);
	finish(admin);
	forget_config(admin);
	admin->master = NULL;
}
