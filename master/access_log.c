/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening access logs, and giving them to workers. Runs in the master.
 */
#include "master/access_log.h"

#include "master/channel.h"
#include "master/master.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"
#include "shm/line_log.h"

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char journal_path[] = "/run/systemd/journal/socket";
static const char syslog_path[] = "/dev/log";

/* "journal" or "journal:PATH"; *${path} is set when it is. */
static bool
is_socket(const char *text, const char *name, const char *usual,
    const char **ret_path)
{
	const size_t length = strlen(name);

	if (strncmp(text, name, length) != 0 ||
	    (text[length] != '\0' && text[length] != ':'))
		return (false);
	*ret_path = text[length] == ':' ? text + length + 1 : usual;
	return (true);
}

/* What the settings ask for. -EINVAL: nothing that there is. */
static int
parse(const struct config_pool *config, struct access_log *ret_log,
    const char **ret_path)
{
	const char *text = config->access_log;
	const char *format = config->access_log_format;

	ret_log->fd = -1;
	if (format == NULL || strcmp(format, "combined") == 0)
		ret_log->format = LOG_FORMAT_COMBINED;
	else if (strcmp(format, "json") == 0)
		ret_log->format = LOG_FORMAT_JSON;
	else
		return (-EINVAL);
	*ret_path = NULL;
	if (!access_log_wanted(config))
		return (0);
	if (is_socket(text, "journal", journal_path, ret_path))
		ret_log->kind = LOG_KIND_JOURNAL;
	else if (is_socket(text, "syslog", syslog_path, ret_path))
		ret_log->kind = LOG_KIND_SYSLOG;
	else if (strchr(text, '/') != NULL)
		ret_log->kind = LOG_KIND_FILE, *ret_path = text;
	else
		return (-EINVAL);
	return (0);
}

static int
open_socket(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path))
		return (-ENAMETOOLONG);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return (-errno);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1) {
		error = -errno;
		fd_close(&fd);
		return (error);
	}
	*ret_fd = fd;
	return (0);
}

/* O_NONBLOCK, so that a FIFO can't hold us up. */
static int
open_file(const char *path, int *ret_fd)
{
	struct stat status;
	int fd;

	fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    0640);
	if (fd == -1)
		return (-errno);
	if (fstat(fd, &status) == -1 ||
	    !(S_ISREG(status.st_mode) || S_ISCHR(status.st_mode))) {
		fd_close(&fd);
		return (-EINVAL);
	}
	*ret_fd = fd;
	return (0);
}

static int
open_log(const struct config_pool *config, struct access_log *ret_log)
{
	const char *path;
	int error;

	error = parse(config, ret_log, &path);
	if (error != 0 || path == NULL)
		return (error);
	return (ret_log->kind == LOG_KIND_FILE
		    ? open_file(path, &ret_log->fd)
		    : open_socket(path, &ret_log->fd));
}

/*
 * Could a file be made there? A check leaves none: one that root has made with
 * bulkhead -t is none that a server of another user can write.
 */
static int
check_folder(const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	if (strlcpy(folder, path, sizeof(folder)) >= sizeof(folder))
		return (-ENAMETOOLONG);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		(void)strlcpy(folder, ".", sizeof(folder));
	else
		slash[slash == folder ? 1 : 0] = '\0';
	return (access(folder, W_OK | X_OK) == 0 ? 0 : -errno);
}

static int
check_log(const struct config_pool *config)
{
	struct access_log log;
	struct stat status;
	const char *path;
	int error;

	error = parse(config, &log, &path);
	if (error != 0 || path == NULL)
		return (error);
	if (log.kind == LOG_KIND_FILE && stat(path, &status) != 0 &&
	    errno == ENOENT)
		return (check_folder(path));
	error = open_log(config, &log);
	if (error == 0)
		access_log_close(&log);
	return (error);
}

bool
access_log_wanted(const struct config_pool *config)
{
	return (config->access_log != NULL && *config->access_log != '\0' &&
		strcmp(config->access_log, "off") != 0);
}

int
access_log_check(const struct config_pool *config, struct reason *why)
{
	struct access_log log;
	const char *path;
	int error;

	if (parse(config, &log, &path) != 0) {
		if (access_log_wanted(config) &&
		    strchr(config->access_log, '/') == NULL && path == NULL)
			return (reason_set(why, -EINVAL,
			    "access-log = '%s': write a path with a '/' in "
			    "it, journal, syslog or off",
			    config->access_log));
		return (reason_set(why, -EINVAL,
		    "access-log-format = '%s': write combined or json",
		    config->access_log_format));
	}
	error = check_log(config);
	if (error != 0)
		return (reason_set(why, error, "access-log = '%s': %s",
		    config->access_log,
		    error == -EINVAL ? "this is no file that can be appended to"
				     : strerror(-error)));
	return (0);
}

void
access_log_open(struct access_log *log, const struct config_pool *config)
{
	int error = open_log(config, log);

	if (error != 0)
		log_err("pool %s has no access log: %s: %s", config->name,
		    config->access_log, strerror(-error));
}

void
access_log_close(struct access_log *log)
{
	fd_close(&log->fd);
}

static bool
has_a_socket(const struct worker *worker)
{
	return (worker->state == WORKER_SERVING ||
		worker->state == WORKER_RETIRING ||
		worker->state == WORKER_DRAINING);
}

static int
reopen(struct pool *pool)
{
	struct access_log log;
	int error = open_log(pool->config, &log);

	if (error != 0) {
		log_err("the access log of pool %s stays where it is: %s: %s",
		    pool->config->name, pool->config->access_log,
		    strerror(-error));
		return (error);
	}
	access_log_close(&pool->log);
	pool->log = log;
	for (uint32_t i = 0; i < pool->worker_count; i++)
		if (has_a_socket(&pool->workers[i]))
			channel_owe(&pool->workers[i], CHANNEL_LOG);
	return (0);
}

unsigned
access_logs_reopen(struct master *master, unsigned *ret_failed)
{
	struct pool *pool;
	unsigned opened = 0;

	*ret_failed = 0;
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		if (!access_log_wanted(pool->config))
			continue;
		if (reopen(pool) == 0)
			opened++;
		else
			(*ret_failed)++;
	}
	return (opened);
}

int
access_log_send(struct worker *worker)
{
	const struct access_log *log = &worker->pool->log;
	struct {
		struct message_header header;
		struct message_log body;
	} message;

	if (log->fd == -1)
		return (0);
	message_init(
	    &message.header, MESSAGE_LOG, 0, (uint32_t)sizeof(message.body));
	message.body.kind = log->kind;
	message.body.format = log->format;
	return (
	    fd_send(worker->socket, &message, sizeof(message), &log->fd, 1));
}
