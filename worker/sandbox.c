/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which a worker locks itself in, and the layers that need no
 * file of their own. On its dispatch thread, before a module is loaded.
 */
#include "worker/sandbox.h"

#include "shm/base/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	LANDLOCK_SCOPES_ABI = 6, /* the first that keeps signals inside */
};

bool
sandbox_word(const char **list, char *ret_word, size_t size)
{
	static const char blanks[] = " \t\n";
	const char *at = *list + strspn(*list, blanks);
	size_t length = strcspn(at, blanks);

	*list = at;
	if (length == 0 || length >= size)
		return (false);
	memcpy(ret_word, at, length);
	ret_word[length] = '\0';
	*list = at + length;
	return (true);
}

int
sandbox_parse(struct sandbox_policy *policy, const struct message_sandbox *told,
    const char *strings, size_t size, size_t *ret_taken)
{
	const char **places[] = { &policy->syscalls, &policy->read,
		&policy->write };
	size_t length, used = 0;

	memset(policy, 0, sizeof(*policy));
	policy->told = *told;
	policy->strings = malloc(size + 1);
	if (policy->strings == NULL)
		return (-ENOMEM);
	memcpy(policy->strings, strings, size);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		length = strnlen(policy->strings + used, size - used);
		if (length == size - used)
			return (-EBADMSG);
		*places[i] = policy->strings + used;
		used += length + 1;
	}
	*ret_taken = used;
	return (0);
}

void
sandbox_free(struct sandbox_policy *policy)
{
	free(policy->strings);
	memset(policy, 0, sizeof(*policy));
}

/* Both limits, so that nobody can raise it again. */
static int
lower(int resource, uint64_t most)
{
	struct rlimit limit;

	if (most == 0)
		return (0);
	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return (-errno);
	if (most < limit.rlim_max)
		limit.rlim_max = most;
	limit.rlim_cur = limit.rlim_max;
	return (
	    setrlimit((__rlimit_resource_t)resource, &limit) == 0 ? 0 : -errno);
}

/* Nothing that is executed from here can have more than we have: nothing. */
static int
drop_privileges(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &header, none) != 0)
		return (-errno);
	return (0);
}

static int
say(int error, const char *what, char *ret_error, size_t error_size)
{
	if (error == 0)
		return (0);
	(void)snprintf(
	    ret_error, error_size, "can't %s: %s", what, strerror(-error));
	return (-1);
}

static int
confine(const struct sandbox_policy *policy, char *ret_error, size_t error_size)
{
	int abi = 0;

	if (sandbox_files(
		policy->read, policy->write, &abi, ret_error, error_size) != 0)
		return (-1);
	if (abi == 0)
		log_info("this kernel has no Landlock: modules may use every "
			 "file that their user may");
	if (say(sandbox_trap(), "catch refused system calls", ret_error,
		error_size) != 0)
		return (-1);
	return (sandbox_syscalls(
	    policy, abi >= LANDLOCK_SCOPES_ABI, ret_error, error_size));
}

int
sandbox_enter(
    const struct sandbox_policy *policy, char *ret_error, size_t error_size)
{
	int error;

	error = lower(RLIMIT_DATA, policy->told.data_max);
	if (error == 0)
		error = lower(RLIMIT_FSIZE, policy->told.file_max);
	if (error == 0)
		error = lower(RLIMIT_NPROC, policy->told.threads_max);
	if (say(error, "set its limits", ret_error, error_size) != 0 ||
	    say(drop_privileges(), "drop its privileges", ret_error,
		error_size) != 0)
		return (-1);
	if (!policy->told.enabled)
		return (0);
	return (confine(policy, ret_error, error_size));
}
