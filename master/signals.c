/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals arrive through a signalfd(2). Runs in the master.
 */
#include "master/signals.h"

#include "master/access_log.h"
#include "master/master.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void
signal_came(struct loop_source *source, uint32_t events)
{
	struct signalfd_siginfo info;
	unsigned failed;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload_want(source->owner);
	else if (info.ssi_signo == SIGUSR1)
		(void)access_logs_reopen(source->owner, &failed);
	else
		server_stop(source->owner);
}

int
signals_open(struct signals *signals, struct master *master)
{
	struct sigaction ignore;
	sigset_t set;

	memset(&ignore, 0, sizeof(ignore));
	ignore.sa_handler = SIG_IGN;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	signals->source.owner = master;
	signals->source.handle = signal_came;
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0)
		return (-errno);
	/* Only now: until it can be heard a signal shall still end us. */
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
	    sigaction(SIGPIPE, &ignore, NULL) != 0)
		return (-errno);
	return (
	    loop_add(&master->loop, &signals->source, signals->fd, EPOLLIN));
}

void
signals_close(struct signals *signals, struct loop *loop)
{
	loop_remove(loop, &signals->source);
	fd_close(&signals->fd);
}
