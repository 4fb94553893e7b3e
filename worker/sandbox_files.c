/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files by Landlock: what a worker may read, and the little that it may
 * write. There is no library for it, and Debian 12's kernel headers end at
 * its first version, so the numbers of later ones stand here.
 */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Accesses by the version of Landlock that they came with. */
#define ACCESS_READ                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	    LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_ALL_1      ((UINT64_C(1) << 13) - 1)
#define ACCESS_REFER_2    (UINT64_C(1) << 13)
#define ACCESS_TRUNCATE_3 (UINT64_C(1) << 14)
/* Those that are about a file and not about what is in a folder. */
#define ACCESS_OF_FILES                                              \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	    LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE_3)
#define SCOPE_SIGNAL_6 (UINT64_C(1) << 1)

/* As of version 6; an older kernel gets the front of it. */
struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/* What everybody may read who may read only some: programs can't do without. */
static const char always_read[] =
    "/usr /lib /lib64 /etc /proc/self /sys/devices/system/cpu "
    "/run/systemd/resolve "
    "/dev/null /dev/zero /dev/random /dev/urandom";
static const char always_write[] = "/dev/null /dev/zero /dev/full";

static int
make_ruleset(int abi, uint64_t *ret_handled)
{
	struct ruleset ruleset;
	size_t size = sizeof(ruleset.handled_access_fs);

	memset(&ruleset, 0, sizeof(ruleset));
	ruleset.handled_access_fs = ACCESS_ALL_1;
	if (abi >= 2)
		ruleset.handled_access_fs |= ACCESS_REFER_2;
	if (abi >= 3)
		ruleset.handled_access_fs |= ACCESS_TRUNCATE_3;
	if (abi >= 6) {
		ruleset.scoped = SCOPE_SIGNAL_6;
		size = sizeof(ruleset);
	}
	*ret_handled = ruleset.handled_access_fs;
	return ((int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0));
}

/* Allow ${access} at ${path} and below. -ENOENT when there is no such path. */
static int
allow_path(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	struct stat status;
	int error = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return (-errno);
	if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed_access &= ACCESS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0) != 0)
		error = -errno;
	(void)close(rule.parent_fd);
	return (error);
}

/* The operator's list: a path that isn't there is an error. */
static int
allow_list(int ruleset, const char *list, uint64_t access, const char *setting,
    char *ret_error, size_t error_size)
{
	char path[PATH_MAX];
	int error;

	while (sandbox_word(&list, path, sizeof(path))) {
		error =
		    *path == '/' ? allow_path(ruleset, path, access) : -EINVAL;
		if (error == 0)
			continue;
		(void)snprintf(ret_error, error_size, "%s: %s: %s", setting,
		    path,
		    error == -EINVAL ? "write an absolute path"
				     : strerror(-error));
		return (-1);
	}
	if (*list == '\0')
		return (0);
	(void)snprintf(ret_error, error_size,
	    "%s: a path is longer than %d "
	    "bytes",
	    setting, PATH_MAX - 1);
	return (-1);
}

static void
allow_always(int ruleset, const char *list, uint64_t access)
{
	char path[64];

	while (sandbox_word(&list, path, sizeof(path)))
		(void)allow_path(ruleset, path, access);
}

static int
fill(int ruleset, uint64_t handled, const char *read, const char *write,
    char *ret_error, size_t error_size)
{
	const uint64_t writing =
	    handled & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;

	allow_always(ruleset, always_write, writing);
	if (*read != '\0')
		allow_always(ruleset, always_read, ACCESS_READ);
	if (allow_list(ruleset, *read != '\0' ? read : "/", ACCESS_READ,
		"sandbox-read", ret_error, error_size) != 0)
		return (-1);
	return (allow_list(
	    ruleset, write, writing, "sandbox-write", ret_error, error_size));
}

int
sandbox_files(const char *read, const char *write, int *ret_abi,
    char *ret_error, size_t error_size)
{
	uint64_t handled;
	int abi, error = 0, ruleset;

	abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	*ret_abi = abi > 0 ? abi : 0;
	if (abi <= 0)
		return (0);
	ruleset = make_ruleset(abi, &handled);
	if (ruleset >= 0) {
		error =
		    fill(ruleset, handled, read, write, ret_error, error_size);
		if (error == 0 &&
		    syscall(SYS_landlock_restrict_self, ruleset, 0) == 0) {
			(void)close(ruleset);
			return (0);
		}
	}
	if (error == 0)
		(void)snprintf(ret_error, error_size,
		    "can't restrict its files: %s", strerror(errno));
	if (ruleset >= 0)
		(void)close(ruleset);
	return (-1);
}
