/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs in bulkhead-admin as it starts.
 */
#include "shm/admin/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZED 1
#else
#define CONFINE_SANITIZED 0
#endif

enum {
	NOBODY = 65534,
	DESCRIPTORS = 256,
};

/* Everything of ours is far below it: histories and answers, some MiB. */
static const rlim_t memory_most = UINT64_C(512) << 20;

static void
find_user(uid_t *ret_uid, gid_t *ret_gid)
{
	static const char *const names[] = { "bulkhead-admin", "nobody" };
	const struct passwd *entry;

	*ret_uid = *ret_gid = NOBODY;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		entry = getpwnam(names[i]);
		if (entry == NULL || entry->pw_uid == 0)
			continue;
		*ret_uid = entry->pw_uid;
		*ret_gid = entry->pw_gid;
		return;
	}
}

/* The bounding set too: not even a file with capabilities gives one back. */
static void
drop_bounding_set(void)
{
	for (unsigned long c = 0; c <= CAP_LAST_CAP; c++)
		(void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0); /* EPERM: had none */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int
confine_user(void)
{
	uid_t uid;
	gid_t gid;

	drop_bounding_set();
	if (geteuid() == 0) {
		find_user(&uid, &gid);
		if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
		    setresuid(uid, uid, uid) != 0)
			return (-errno);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return (-errno);
	/* Not to be traced by others of the same user either. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return (-errno);
	return (0);
}

/* Never more than there was. */
static int
limit(int resource, rlim_t most)
{
	struct rlimit value;

	if (getrlimit((__rlimit_resource_t)resource, &value) != 0)
		return (-errno);
	if (value.rlim_max > most)
		value.rlim_max = most;
	if (value.rlim_cur > value.rlim_max)
		value.rlim_cur = value.rlim_max;
	return (
	    setrlimit((__rlimit_resource_t)resource, &value) == 0 ? 0 : -errno);
}

int
confine_resources(void)
{
	int error;

	error = limit(RLIMIT_NOFILE, DESCRIPTORS);
	if (error == 0)
		error = limit(RLIMIT_CORE, 0);
	/* A sanitizer's shadow is larger than all that we could want. */
	if (error == 0 && !CONFINE_SANITIZED)
		error = limit(RLIMIT_DATA, memory_most);
	return (error);
}

#if !CONFINE_SANITIZED
/* Serving, waiting, memory, and ending. */
static const int calls[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(nanosleep),
	SCMP_SYS(newfstatat),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(pread64),
	SCMP_SYS(read),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(tgkill),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

/* Memory may be mapped, but not for execution. */
static int
add_calls(scmp_filter_ctx filter)
{
	int error;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
		if (error != 0)
			return (error);
	}
	error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (error == 0)
		error =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect),
			1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return (error);
}

int
confine_calls(void)
{
	scmp_filter_ctx filter;
	int error;

	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (filter == NULL)
		return (-ENOMEM);
	error = add_calls(filter);
	if (error == 0)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return (error);
}
#else
int
confine_calls(void)
{
	return (0);
}
#endif
