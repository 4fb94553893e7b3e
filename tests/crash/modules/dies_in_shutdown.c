/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded into a worker: it dies at the end of an answer, before the first
 * shutdown(2), while the file DIES_IN_SHUTDOWN is there; and takes it away.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int shutdown(int fd, int how);

__attribute__((visibility("default"))) int
shutdown(int fd, int how)
{
	const char *file = getenv("DIES_IN_SHUTDOWN");

	if (how == SHUT_WR && file != NULL && unlink(file) == 0)
		(void)kill(getpid(), SIGKILL);
	return ((int)syscall(SYS_shutdown, fd, how));
}
