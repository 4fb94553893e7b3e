/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing what takes long to close. The one thing in the master that isn't
 * done by its loop.
 */
#include "master/let_go.h"

#include "shm/base/fd.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
	STACK_SIZE = 256 * 1024
};

static void
close_all(struct segment_fds *fds)
{
	fd_close(&fds->rw);
	fd_close(&fds->ro);
	fd_close(&fds->buffers);
}

static void *
run(void *argument)
{
	close_all(argument);
	free(argument);
	return (NULL);
}

/* Its signals are the loop's: it has all of them blocked. */
static int
start(struct segment_fds *fds)
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
	error = pthread_create(&thread, &attributes, run, fds);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return (error);
}

void
let_go(struct segment_fds *fds)
{
	struct segment_fds *own;

	if (fds->rw == -1 && fds->ro == -1 && fds->buffers == -1)
		return;
	own = malloc(sizeof(*own));
	if (own != NULL)
		*own = *fds;
	if (own == NULL || start(own) != 0) {
		free(own);
		close_all(fds);
		return;
	}
	*fds = (struct segment_fds){ -1, -1, -1 };
}
