/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls by seccomp. Two filters, of which the stricter word counts:
 * what is allowed, and what isn't all the same.
 */
#include "worker/sandbox.h"

#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum {
	WORD_MAX = 64,
	OPTIMIZE_TREE = 2, /* SCMP_FLTATR_CTL_OPTIMIZE: a search, no list */
};

/* A sanitizer looks into its own process at its end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_CALLS "@debug @priority personality"
#else
#define SANITIZER_CALLS ""
#endif

struct entry {
	const char *group; /* of a GROUP */
	const char *call;  /* of a SYSCALL */
	bool allowed;      /* of a GROUP */
};

static const struct entry entries[] = {
#define GROUP(name, allowed, help) { (name), NULL, (allowed) },
#define SYSCALL(name)              { NULL, #name, false },
#include "worker/sandbox_syscalls.def"
};

enum {
	ENTRIES = sizeof(entries) / sizeof(entries[0])
};

/* 0 too when this architecture hasn't got it. */
static int
allow(scmp_filter_ctx filter, const char *call)
{
	int error, number = seccomp_syscall_resolve_name(call);

	if (number == __NR_SCMP_ERROR)
		return (0);
	error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	/* It is allowed already, or not a call here. */
	return (error == -EEXIST || error == -EDOM ? 0 : error);
}

/* ${name}: NULL for all groups that are allowed without being asked for. */
static int
allow_group(scmp_filter_ctx filter, const char *name, bool *ret_found)
{
	bool in = false;
	int error = 0;

	for (size_t i = 0; error == 0 && i < ENTRIES; i++) {
		if (entries[i].call != NULL) {
			error = in ? allow(filter, entries[i].call) : 0;
			continue;
		}
		in = name == NULL ? entries[i].allowed
				  : strcmp(entries[i].group, name) == 0;
		*ret_found = *ret_found || in;
	}
	return (error);
}

static int
allow_words(scmp_filter_ctx filter, const char *list, char *ret_error,
    size_t error_size)
{
	char word[WORD_MAX];
	bool found;
	int error;

	while (sandbox_word(&list, word, sizeof(word))) {
		found = false;
		if (*word == '@') {
			error = allow_group(filter, word + 1, &found);
		} else {
			found = seccomp_syscall_resolve_name(word) !=
				__NR_SCMP_ERROR;
			error = found ? allow(filter, word) : 0;
		}
		if (found && error == 0)
			continue;
		(void)snprintf(ret_error, error_size,
		    "sandbox-syscalls: '%s' is %s", word,
		    found ? strerror(-error)
			  : "neither a system call nor one of the groups "
			    "@attributes, @exec, @ipc, @aio, @priority and "
			    "@debug");
		return (-EINVAL);
	}
	if (*list == '\0')
		return (0);
	(void)snprintf(ret_error, error_size,
	    "sandbox-syscalls: no system call has so long a name: %.80s", list);
	return (-EINVAL);
}

/* Sockets to the network and to neighbours; none to the kernel's insides. */
static int
allow_families(scmp_filter_ctx filter)
{
	static const unsigned families[] = { AF_UNIX, AF_INET, AF_INET6,
		AF_NETLINK };
	int error = 0;

	for (size_t i = 0;
	     error == 0 && i < sizeof(families) / sizeof(families[0]); i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, families[i]));
	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	return (error);
}

/* Calls that are for ourselves alone, by their first argument. */
static int
allow_own(scmp_filter_ctx filter, bool any_signal)
{
	const uint64_t strangers = CLONE_NEWNS | CLONE_NEWCGROUP |
				   CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
				   CLONE_NEWPID | CLONE_NEWNET | CLONE_PARENT;
	const uint64_t self = (uint64_t)getpid();
	const int signals[] = { SCMP_SYS(kill), SCMP_SYS(tgkill),
		SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(rt_sigqueueinfo) };
	int error;

	error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, strangers, 0));
	/* Its flags lie in memory: the C library does with clone(). */
	if (error == 0)
		error = seccomp_rule_add(
		    filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0));
	for (size_t i = 0;
	     error == 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
		error = any_signal
			    ? seccomp_rule_add(
				  filter, SCMP_ACT_ALLOW, signals[i], 0)
			    : seccomp_rule_add(filter, SCMP_ACT_ALLOW,
				  signals[i], 1, SCMP_A0(SCMP_CMP_EQ, self));
	return (error);
}

static scmp_filter_ctx
make_filter(uint32_t action)
{
	scmp_filter_ctx filter = seccomp_init(action);

	if (filter == NULL)
		return (NULL);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);
	return (filter);
}

/* ${call} with ${number} as its second argument: the kernel sees 32 bits. */
static int
refuse(scmp_filter_ctx filter, int call, uint64_t number)
{
	return (seccomp_rule_add(filter, SCMP_ACT_TRAP, call, 1,
	    SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, number)));
}

/*
 * A SIGKILL that the worker sends itself, which would pass as an operator's: it
 * is told of first, and then sent by a call that can be told from the others.
 */
static int
trap_own_kill(scmp_filter_ctx filter)
{
	static const struct {
		int call;
		unsigned signal; /* which argument it is */
	} calls[] = {
		{ SCMP_SYS(kill), 1 },
		{ SCMP_SYS(tgkill), 2 },
		{ SCMP_SYS(rt_sigqueueinfo), 1 },
		{ SCMP_SYS(rt_tgsigqueueinfo), 2 },
	};
	struct scmp_arg_cmp terms[3] = {
		SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint64_t)getpid()),
		{ 0 },
		SCMP_A2(SCMP_CMP_NE, SANDBOX_KILL_TOLD),
	};
	int error = 0;

	for (size_t i = 0; error == 0 && i < sizeof(calls) / sizeof(calls[0]);
	     i++) {
		terms[1] = SCMP_CMP(
		    calls[i].signal, SCMP_CMP_MASKED_EQ, UINT32_MAX, SIGKILL);
		error =
		    seccomp_rule_add_array(filter, SCMP_ACT_TRAP, calls[i].call,
			calls[i].call == SCMP_SYS(kill) ? 3 : 2, terms);
	}
	return (error);
}

/*
 * Typing for the terminal that the server was started from; having the kernel
 * signal somebody else when a descriptor has news, as kill() may not; and what
 * trap_own_kill() says.
 */
static int
load_exceptions(void)
{
	static const uint64_t controls[] = { TIOCSTI, TIOCLINUX, FIOSETOWN,
		SIOCSPGRP };
	const uint64_t self = (uint64_t)getpid();
	scmp_filter_ctx filter = make_filter(SCMP_ACT_ALLOW);
	int error = filter == NULL ? -ENOMEM : 0;

	for (size_t i = 0;
	     error == 0 && i < sizeof(controls) / sizeof(controls[0]); i++)
		error = refuse(filter, SCMP_SYS(ioctl), controls[i]);
	if (error == 0)
		error = refuse(filter, SCMP_SYS(fcntl), F_SETOWN_EX);
	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(fcntl),
		    2, SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, F_SETOWN),
		    SCMP_A2(SCMP_CMP_NE, self));
	if (error == 0)
		error = trap_own_kill(filter);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return (error);
}

static int
load_allowed(const struct sandbox_policy *policy, bool any_signal,
    char *ret_error, size_t error_size)
{
	scmp_filter_ctx filter = make_filter(SCMP_ACT_TRAP);
	bool found = false;
	int error = -ENOMEM;

	if (filter != NULL)
		error = allow_words(
		    filter, policy->syscalls, ret_error, error_size);
	if (error == 0)
		error =
		    allow_words(filter, SANITIZER_CALLS, ret_error, error_size);
	if (error == 0)
		error = allow_group(filter, NULL, &found);
	if (error == 0 && *policy->write != '\0')
		error = allow_group(filter, "attributes", &found);
	if (error == 0)
		error = allow(filter, "ioctl");
	if (error == 0)
		error = allow_families(filter);
	if (error == 0)
		error = allow_own(filter, any_signal);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return (error);
}

int
sandbox_syscalls(const struct sandbox_policy *policy, bool any_signal,
    char *ret_error, size_t error_size)
{
	int error;

	*ret_error = '\0';
	error = load_exceptions();
	if (error == 0)
		error = load_allowed(policy, any_signal, ret_error, error_size);
	if (error != 0 && *ret_error == '\0')
		(void)snprintf(ret_error, error_size,
		    "can't filter its system calls: %s", strerror(-error));
	return (error == 0 ? 0 : -1);
}
