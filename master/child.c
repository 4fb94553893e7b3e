/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between fork and exec, and just after it. Runs in the master and its
 * children.
 */
#include "master/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ignored signals stay ignored across exec, and so does the mask. */
static void
reset_signals(void)
{
	struct sigaction action;
	sigset_t none;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL); /* KILL, STOP refuse */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void
child_begin(void)
{
	(void)setpgid(0, 0);
	reset_signals();
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_PID");
	(void)unsetenv("WATCHDOG_USEC");
}

int
child_arrange_descriptors(const int *fds, size_t count)
{
	int above = CHILD_FIRST_FD + (int)count;
	int moved[CHILD_FDS_MAX];
	int null;

	if (count > CHILD_FDS_MAX)
		return (-EINVAL);
	/* Out of the way first: one may stand where another is to go. */
	for (size_t i = 0; i < count; i++) {
		moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, above);
		if (moved[i] < 0)
			return (-errno);
	}
	for (size_t i = 0; i < count; i++)
		if (dup2(moved[i], CHILD_FIRST_FD + (int)i) < 0)
			return (-errno);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return (-errno);
	if (close_range((unsigned)above, ~0U, 0) != 0)
		return (-errno);
	return (0);
}

int
child_watch(pid_t pid, int *ret_pidfd)
{
	int error, pidfd;

	/* Nobody but us can reap it, so the pid is still its own. */
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		error = -errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return (error);
	}
	*ret_pidfd = pidfd; /* close-on-exec, as pidfds are */
	return (0);
}
