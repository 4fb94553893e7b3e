/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole master in a child process.
 */
#include "tests/unit/master/support.h"

#include "master/master.h"
#include "master/server.h"
#include "shm/base/log.h"
#include "tests/unit/master/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 20000,
	STEP_MS = 5
};

static void
sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){ 0, ms * 1000 * 1000 }, NULL);
}

static char *
read_log(const struct running *running)
{
	static char text[256 * 1024];
	ssize_t size = 0;
	int fd = open(running->log, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		size = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	text[size > 0 ? size : 0] = '\0';
	return (text);
}

unsigned
running_said(const struct running *running, const char *text)
{
	const char *at = read_log(running);
	unsigned count = 0;

	while ((at = strstr(at, text)) != NULL) {
		count++;
		at++;
	}
	return (count);
}

bool
running_says(const struct running *running, const char *text)
{
	for (int ms = 0; ms < PATIENCE_MS / 2; ms += STEP_MS) {
		if (strstr(read_log(running), text) != NULL)
			return (true);
		sleep_ms(STEP_MS);
	}
	print_message("the log has no \"%s\":\n%s", text, read_log(running));
	return (false);
}

/* The next one of those that were prepared. */
static int
read_next(void *argument, struct config **ret_config, struct reason *why)
{
	struct running *running = argument;
	static size_t turn;

	if (turn == running->next_count)
		return (reason_set(why, -ENOENT, "there is no other"));
	*ret_config = running->next[turn];
	running->next[turn++] = NULL;
	return (0);
}

static _Noreturn void
be_master(struct running *running)
{
	const struct config_source source = { read_next, running };
	struct master *master = malloc(sizeof(*master));
	struct reason why;
	int log, status = EXIT_FAILURE;

	log = open(running->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (log < 0 || dup2(log, STDERR_FILENO) < 0 ||
	    dup2(log, STDOUT_FILENO) < 0 || master == NULL)
		_exit(98);
	(void)close(log);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_init("bulkhead", 0);
	if (server_open(master, running->config, &source, NULL, &why) == 0)
		status = server_run(master);
	else
		log_err("%s", why.text);
	server_close(master);
	free(master);
	for (size_t i = 0; i < running->next_count; i++)
		config_free(running->next[i]);
	exit(status); /* not _exit(2): a leak shall be told */
}

static struct config *
make_config(
    const struct running *running, unsigned workers, const char *settings)
{
	struct config_pool *pool;
	struct config *config;
	struct reason why;
	char module[512];

	config = config_new();
	assert_non_null(config);
	assert_int_equal(config_add_pool(config, "main", &pool, &why), 0);
	assert_int_equal(
	    address_parse("127.0.0.1:0", &config->listeners[0].address, &why),
	    0);
	config->listener_count = 1;
	pool->workers = workers;
	pool->spares = 0;
	config->state_dir = strdup("");
	config->slots_max = 256;
	config->control = strdup(running->control);
	config->worker = strdup(FAKE_WORKER);
	(void)snprintf(module, sizeof(module), "fake%s%s",
	    *settings == '\0' ? "" : ",", settings);
	assert_int_equal(config_add_module(pool, module, &why), 0);
	pool->modules[0].path = strdup("/dev/null");
	return (config);
}

void
running_prepare(struct running *running, unsigned workers, const char *settings)
{
	memset(running, 0, sizeof(*running));
	/* A worker that outlives its master becomes our child. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)snprintf(running->folder, sizeof(running->folder),
	    "/tmp/bulkhead-master-XXXXXX");
	assert_non_null(mkdtemp(running->folder));
	(void)snprintf(
	    running->log, sizeof(running->log), "%s/log", running->folder);
	(void)snprintf(running->control, sizeof(running->control),
	    "%s/control.sock", running->folder);
	running->config = make_config(running, workers, settings);
}

struct config *
running_add(struct running *running, unsigned workers, const char *settings)
{
	struct config *config = make_config(running, workers, settings);

	assert_in_range(running->next_count, 0, RUNNING_RELOADS - 1);
	running->next[running->next_count++] = config;
	return (config);
}

void
running_launch(struct running *running)
{
	const char *line;
	siginfo_t end;

	running->pid = fork();
	assert_true(running->pid >= 0);
	if (running->pid == 0)
		be_master(running);
	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		line = strstr(read_log(running), "listening on 127.0.0.1:");
		if (strstr(read_log(running), "bulkhead: ready: ") != NULL &&
		    line != NULL) {
			running->port =
			    (int)strtol(strchr(line, ':') + 1, NULL, 10);
			return;
		}
		memset(&end, 0, sizeof(end));
		(void)waitid(P_PID, (id_t)running->pid, &end,
		    WEXITED | WNOHANG | WNOWAIT);
		if (end.si_pid != 0)
			return;
		sleep_ms(STEP_MS);
	}
	fail_msg("not ready and not ended:\n%s", read_log(running));
}

void
running_start(struct running *running, unsigned workers, const char *settings)
{
	running_prepare(running, workers, settings);
	running_launch(running);
}

int
running_wait(struct running *running)
{
	int status;

	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		if (waitpid(running->pid, &status, WNOHANG) == running->pid) {
			assert_true(WIFEXITED(status));
			return (WEXITSTATUS(status));
		}
		sleep_ms(STEP_MS);
	}
	(void)kill(running->pid, SIGKILL);
	fail_msg("the master doesn't end:\n%s", read_log(running));
	return (-1);
}

void
running_gone(struct running *running)
{
	assert_int_equal(access(running->control, F_OK), -1);
	/* No child of ours: the master is reaped, and it left none. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	(void)unlink(running->log);
	assert_int_equal(rmdir(running->folder), 0);
	config_free(running->config);
	for (size_t i = 0; i < running->next_count; i++)
		config_free(running->next[i]);
}

void
running_end(struct running *running)
{
	assert_int_equal(kill(running->pid, SIGTERM), 0);
	assert_int_equal(running_wait(running), 0);
	running_gone(running);
}

int
running_connect(const struct running *running)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_port = htons((uint16_t)running->port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&in, sizeof(in)), 0);
	return (fd);
}

void
tell(int fd, const char *line)
{
	ssize_t size = (ssize_t)strlen(line);

	assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), size);
}

ssize_t
listen_to(int fd, char *ret_text)
{
	struct pollfd polled = { fd, POLLIN, 0 };
	ssize_t size;

	if (poll(&polled, 1, PATIENCE_MS / 2) != 1)
		return (-ETIMEDOUT);
	size = read(fd, ret_text, 1023);
	if (size < 0)
		return (-errno);
	ret_text[size] = '\0';
	return (size);
}

ssize_t
ask(int fd, const char *line, char *ret_text)
{
	tell(fd, line);
	return (listen_to(fd, ret_text));
}
