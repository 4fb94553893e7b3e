/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading secrets. Runs in the master while it reads a configuration.
 */
#include "master/secret.h"

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
find(const char *name, char ret_path[static PATH_MAX], struct reason *why)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	int length;

	if (strchr(name, '/') == NULL && folder == NULL)
		return (reason_set(why, -ENOENT,
		    "'%s' would be a credential, but there is no "
		    "$CREDENTIALS_DIRECTORY; write a file's whole path, or "
		    "LoadCredential=%s:... in the service's unit",
		    name, name));
	if (*name != '/' && strchr(name, '/') != NULL)
		return (reason_set(why, -EINVAL,
		    "'%s' is no whole path; begin it with /", name));
	if (*name == '/')
		length = snprintf(ret_path, PATH_MAX, "%s", name);
	else
		length = snprintf(ret_path, PATH_MAX, "%s/%s", folder, name);
	if (length < 0 || length >= PATH_MAX)
		return (reason_set(why, -ENAMETOOLONG, "the path is too long"));
	return (0);
}

static int
check(int fd, const char *path, struct reason *why)
{
	struct stat status;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return (
		    reason_set(why, -EINVAL, "%s isn't a regular file", path));
	if ((status.st_mode & S_IROTH) != 0)
		return (reason_set(why, -EPERM,
		    "everybody can read %s; chmod o= %s", path, path));
	if (status.st_size >= SECRET_MAX)
		return (reason_set(why, -EFBIG, "%s is longer than %d bytes",
		    path, SECRET_MAX - 1));
	return (0);
}

static int
take(int fd, const char *path, char ret_value[static SECRET_MAX],
    struct reason *why)
{
	ssize_t length = read(fd, ret_value, SECRET_MAX - 1);

	if (length < 0)
		return (reason_set(why, -errno, "%s can't be read: %s", path,
		    strerror(errno)));
	ret_value[length] = '\0';
	if (strlen(ret_value) != (size_t)length)
		return (reason_set(why, -EINVAL,
		    "%s isn't a text: there is a byte 0 in it", path));
	if (length > 0 && ret_value[length - 1] == '\n')
		ret_value[--length] = '\0';
	if (length > 0 && ret_value[length - 1] == '\r')
		ret_value[length - 1] = '\0';
	return (0);
}

int
secret_read(
    const char *name, char ret_value[static SECRET_MAX], struct reason *why)
{
	char path[PATH_MAX];
	int error, fd;

	error = find(name, path, why);
	if (error != 0)
		return (error);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return (reason_set(why, -errno, "%s can't be read: %s", path,
		    strerror(errno)));
	error = check(fd, path, why);
	if (error == 0)
		error = take(fd, path, ret_value, why);
	(void)close(fd);
	return (error);
}
