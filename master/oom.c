/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's count of processes that it killed for want of memory. Runs in
 * the master; reading the file doesn't wait for anything.
 */
#include "master/oom.h"

#include "shm/base/clock.h"
#include "shm/base/fd.h"

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TEXT_SIZE = 16384 /* /proc/vmstat has some 5 KiB */
};

static bool
read_text(const char *path, char *text)
{
	ssize_t got = 0;
	size_t size = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (false);
	while (size < TEXT_SIZE - 1) {
		got = read(fd, text + size, TEXT_SIZE - 1 - size);
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	fd_close(&fd);
	text[size] = '\0';
	return (got >= 0 && size > 0);
}

bool
oom_parse(const char *text, uint64_t *ret_count)
{
	static const char key[] = "oom_kill ";
	const char *line;
	char *end;

	for (line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		line += sizeof(key) - 1;
		if (*line < '0' || *line > '9')
			return (false);
		errno = 0;
		*ret_count = strtoull(line, &end, 10);
		return (errno == 0 && (*end == '\n' || *end == '\0'));
	}
	return (false);
}

/* The path behind "ID:${controllers}:" in its line, or NULL. */
static const char *
find_group(const char *groups, const char *controllers, size_t *ret_length)
{
	const size_t length = strlen(controllers);
	const char *line, *field;

	for (line = groups; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		field = strchr(line, ':');
		if (field == NULL)
			return (NULL);
		if (strncmp(field + 1, controllers, length) == 0 &&
		    field[1 + length] == ':') {
			field += length + 2;
			*ret_length = strcspn(field, "\n");
			return (field);
		}
	}
	return (NULL);
}

bool
oom_path(const char *groups, char *ret_path)
{
	const char *group, *mount = "/sys/fs/cgroup/memory";
	const char *file = "memory.oom_control";
	size_t length;

	group = find_group(groups, "memory", &length);
	if (group == NULL) {
		mount = "/sys/fs/cgroup";
		file = "memory.events";
		group = find_group(groups, "", &length);
	}
	if (group == NULL || length > OOM_PATH)
		return (false);
	return ((size_t)snprintf(ret_path, OOM_PATH, "%s%.*s/%s", mount,
		    (int)length, group, file) < OOM_PATH);
}

bool
oom_watch(struct oom *oom, const char *path)
{
	char text[TEXT_SIZE];

	memset(oom, 0, sizeof(*oom));
	if (!read_text(path, text) || !oom_parse(text, &oom->seen) ||
	    strlcpy(oom->path, path, sizeof(oom->path)) >= sizeof(oom->path)) {
		oom->path[0] = '\0';
		return (false);
	}
	return (true);
}

void
oom_init(struct oom *oom)
{
	char text[TEXT_SIZE], path[OOM_PATH];

	if (read_text("/proc/self/cgroup", text) && oom_path(text, path) &&
	    oom_watch(oom, path))
		return;
	/* Not in a container, or in the root group: the machine's count. */
	(void)oom_watch(oom, "/proc/vmstat");
}

void
oom_look(struct oom *oom, uint64_t now_ns)
{
	char text[TEXT_SIZE];
	uint64_t count;

	oom->looked_ns = now_ns;
	if (oom->path[0] == '\0' || !read_text(oom->path, text) ||
	    !oom_parse(text, &count))
		return;
	if (now_ns - oom->grown_ns > OOM_DEATH_MS * CLOCK_NS_PER_MS)
		oom->untold = 0;
	if (count > oom->seen) {
		oom->untold += count - oom->seen;
		oom->grown_ns = now_ns;
	}
	oom->seen = count;
}

void
oom_look_again(struct oom *oom, uint64_t now_ns)
{
	if (now_ns - oom->looked_ns >= OOM_LOOK_MS * CLOCK_NS_PER_MS)
		oom_look(oom, now_ns);
}

bool
oom_killed(struct oom *oom, uint64_t now_ns)
{
	if (oom->untold == 0 ||
	    now_ns - oom->grown_ns > OOM_DEATH_MS * CLOCK_NS_PER_MS)
		return (false);
	oom->untold--;
	return (true);
}
