/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing what takes long to close. The one thing in the master that isn't
 * done by its loop.
 */
#include "master/let_go.h"

#include "shm/base/fd.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum {
	STACK_SIZE = 256 * 1024,
	FINISH_STEPS = 10000, /* of a millisecond */
};

struct remains {
	struct segment_fds fds;
	int pidfd;
};

static atomic_uint at_work;

static void
put_away(struct remains *remains)
{
	fd_close(&remains->fds.rw);
	fd_close(&remains->fds.ro);
	fd_close(&remains->fds.buffers);
	if (remains->pidfd == -1)
		return;
	while (waitid(P_PIDFD, (id_t)remains->pidfd, &(siginfo_t){ 0 },
		   WEXITED) != 0 &&
	       errno == EINTR)
		continue;
	fd_close(&remains->pidfd);
}

static void *
run(void *argument)
{
	put_away(argument);
	free(argument);
	/* Pairs with the load in let_go_busy(): reaped before it is told. */
	atomic_fetch_sub_explicit(&at_work, 1, memory_order_release);
	return (NULL);
}

/* Its signals are the loop's: it has all of them blocked. */
static int
start_thread(void *(*routine)(void *), void *argument)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int error;

	if ((error = pthread_attr_init(&attributes)) != 0)
		return (error);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, routine, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return (error);
}

static int
start(struct remains *remains)
{
	int error;

	atomic_fetch_add_explicit(&at_work, 1, memory_order_relaxed);
	error = start_thread(run, remains);
	if (error != 0)
		atomic_fetch_sub_explicit(&at_work, 1, memory_order_relaxed);
	return (error);
}

/* Move what the caller has into ${remains}; false: there is nothing. */
static bool
take(struct remains *remains, struct segment_fds *fds, int *pidfd)
{
	const struct segment_fds none = { -1, -1, -1 };

	remains->fds = fds == NULL ? none : *fds;
	remains->pidfd = pidfd == NULL ? -1 : *pidfd;
	if (fds != NULL)
		*fds = none;
	if (pidfd != NULL)
		*pidfd = -1;
	return (remains->fds.rw != -1 || remains->fds.ro != -1 ||
		remains->fds.buffers != -1 || remains->pidfd != -1);
}

void
let_go(struct segment_fds *fds, int *pidfd)
{
	struct remains remains, *own;

	if (!take(&remains, fds, pidfd))
		return;
	own = malloc(sizeof(*own));
	if (own != NULL)
		*own = remains;
	if (own != NULL && start(own) == 0)
		return;
	free(own);
	put_away(&remains);
}

/* Its end is as orderly as the worker has made it, and nobody waits for it. */
static void
end_linger(int fd)
{
	const struct linger none = { .l_onoff = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

/* Once more, as late as can be: its worker may have set it again. */
static void *
run_client(void *argument)
{
	int fd = (int)(intptr_t)argument;

	end_linger(fd);
	fd_close(&fd);
	return (NULL);
}

/* Nobody waits for these: a thread that lingers ends with the program. */
static bool
close_elsewhere(int fd)
{
	return (start_thread(run_client, (void *)(intptr_t)fd) == 0);
}

/*
 * What remains: a worker that switches the option on and closes its own copy
 * between our look at it and our close, two system calls in a row. As long as
 * it keeps a copy ours isn't the last, and the kernel waits for the last alone.
 */
void
let_go_client(int *fd)
{
	static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	struct linger linger = { .l_onoff = 0 };
	socklen_t size = sizeof(linger);

	if (getsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, &size) == 0 &&
	    linger.l_onoff != 0) {
		end_linger(*fd);
		if (close_elsewhere(*fd)) {
			*fd = -1;
			return;
		}
		/* A reset leaves nothing to wait for. */
		(void)connect(*fd, &nowhere, sizeof(nowhere));
	}
	fd_close(fd);
}

bool
let_go_busy(void)
{
	return (atomic_load_explicit(&at_work, memory_order_acquire) != 0);
}

void
let_go_finish(void)
{
	const struct timespec step = { .tv_nsec = 1000000 };

	for (int i = 0; i < FINISH_STEPS && let_go_busy(); i++)
		(void)nanosleep(&step, NULL);
}
