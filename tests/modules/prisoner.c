/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tries what a sandboxed module may not do, and answers with the errno that it
 * got: 0 is success. /prisoner/<what>, and ?<path> where a path is needed.
 */
#include "answer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int
result(long answer)
{
	return (answer < 0 ? errno : 0);
}

static int
opened(int fd)
{
	int error = result(fd);

	if (fd >= 0)
		(void)close(fd);
	return (error);
}

static int
try_read(const char *path)
{
	return (opened(open(path, O_RDONLY | O_CLOEXEC)));
}

static int
try_write(const char *path)
{
	return (opened(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
}

static int
try_ptrace(const char *path)
{
	(void)path;
	return (result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)));
}

static int
try_namespace(const char *path)
{
	(void)path;
	return (result(unshare(CLONE_NEWUSER)));
}

static void *
on_thread(void *argument)
{
	static const int own[] = { SIGSYS, SIGSEGV, SIGBUS, SIGILL, SIGFPE,
		SIGTRAP, SIGABRT };
	int *error = argument;
	sigset_t blocked;

	/* As include/README.md wants it of a module's threads. */
	(void)sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		(void)sigdelset(&blocked, own[i]);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	*error = try_namespace(NULL);
	return (NULL);
}

static int
try_thread(const char *path)
{
	pthread_t thread;
	int error = 0;

	(void)path;
	if (pthread_create(&thread, NULL, on_thread, &error) != 0)
		return (-1);
	(void)pthread_join(thread, NULL);
	return (error);
}

/* On a thread of a library's: no code of ours, and nothing above its stack. */
static int
try_bare_thread(const char *path)
{
	const size_t size = 64 * 1024, guard = 4096;
	const uintptr_t routine = (uintptr_t)unshare;
	pthread_attr_t attributes;
	pthread_t thread;
	char *stack;
	void *result = NULL;
	int error = -1;

	(void)path;
	stack = mmap(NULL, size + guard, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		return (-1);
	(void)mprotect(stack + size, guard, PROT_NONE);
	(void)pthread_attr_init(&attributes);
	if (pthread_attr_setstack(&attributes, stack, size) == 0 &&
	    pthread_create(&thread, &attributes, (void *(*)(void *))routine,
		(void *)(uintptr_t)CLONE_NEWUSER) == 0 &&
	    pthread_join(thread, &result) == 0)
		error = (int)(intptr_t)result == -1 ? EPERM : 0;
	(void)pthread_attr_destroy(&attributes);
	(void)munmap(stack, size + guard);
	return (error);
}

/* In a child, since an execve(2) that works doesn't come back. */
static int
try_exec(const char *path)
{
	char *arguments[] = { (char *)(uintptr_t)path, NULL };
	char *environment[] = { NULL };
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)execve(path, arguments, environment);
		_exit(errno);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return (-1);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int
try_kill_master(const char *path)
{
	(void)path;
	return (result(kill(getppid(), 0)));
}

static int
try_raise(const char *path)
{
	(void)path;
	(void)signal(SIGUSR2, SIG_IGN);
	return (raise(SIGUSR2) == 0 ? 0 : errno);
}

static int
try_packet(const char *path)
{
	(void)path;
	return (opened(socket(AF_PACKET, SOCK_RAW, 0)));
}

static int
try_inet(const char *path)
{
	(void)path;
	return (opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

static int
try_pair(const char *path)
{
	int ends[2] = { -1, -1 };

	(void)path;
	return (
	    result(socketpair(AF_TIPC, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)));
}

/* Signals when a descriptor has news: to ourselves, or to another? */
static int
own(pid_t owner)
{
	int error, ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return (-1);
	error = result(fcntl(ends[0], F_SETOWN, owner));
	(void)close(ends[0]);
	(void)close(ends[1]);
	return (error);
}

static int
try_own(const char *path)
{
	(void)path;
	return (own(getpid()));
}

static int
try_disown(const char *path)
{
	(void)path;
	return (own(getppid()));
}

static int
try_type_ahead(const char *path)
{
	const char letter = 'x';

	(void)path;
	/* The kernel would look at the lower half only. */
	return (result(syscall(
	    SYS_ioctl, 2, UINT64_C(0x100000000) | (uint64_t)TIOCSTI, &letter)));
}

static int
try_unknown(const char *path)
{
	(void)path;
	return (result(syscall(4000)));
}

static int
try_chown(const char *path)
{
	return (result(chown(path, 1, 1)));
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	static const struct {
		const char *path;
		int (*act)(const char *);
	} acts[] = {
		{ "/prisoner/read", try_read },
		{ "/prisoner/write", try_write },
		{ "/prisoner/ptrace", try_ptrace },
		{ "/prisoner/thread", try_thread },
		{ "/prisoner/bare_thread", try_bare_thread },
		{ "/prisoner/exec", try_exec },
		{ "/prisoner/kill_master", try_kill_master },
		{ "/prisoner/raise", try_raise },
		{ "/prisoner/packet", try_packet },
		{ "/prisoner/inet", try_inet },
		{ "/prisoner/namespace", try_namespace },
		{ "/prisoner/type_ahead", try_type_ahead },
		{ "/prisoner/unknown", try_unknown },
		{ "/prisoner/chown", try_chown },
		{ "/prisoner/pair", try_pair },
		{ "/prisoner/own", try_own },
		{ "/prisoner/disown", try_disown },
	};
	struct bh_str query;
	char path[512];

	(void)self;
	(void)provider;
	query = bh_request_query(bh_context_request(context));
	(void)snprintf(path, sizeof(path), "%.*s", (int)query.length,
	    query.data == NULL ? "" : query.data);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (path_is(context, acts[i].path))
			return (answer(context, "%d\n", acts[i].act(path)));
	return (BH_CONTINUE);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_execute_request_handler = on_execute,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version, (void)server;
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, BH_RQ_EXECUTE_REQUEST_HANDLER, 0));
}

BH_MODULE();
