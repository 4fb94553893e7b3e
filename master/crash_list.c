/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which crash reports there are. Runs in the master; some file names at most,
 * and nothing is read.
 */
#include "master/crash_list.h"

#include "shm/base/fd.h"

#include <bsd/string.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char suffix[] = ".json";

static int
is_report(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return (
	    entry->d_name[0] != '.' && length >= sizeof(suffix) &&
	    length < MESSAGE_CRASH_ID + sizeof(suffix) - 1 &&
	    strcmp(entry->d_name + length - (sizeof(suffix) - 1), suffix) == 0);
}

void
crash_list_open(struct crash_list *list, const char *state_dir)
{
	char path[PATH_MAX];

	memset(list, 0, sizeof(*list));
	list->folder = -1;
	if (state_dir == NULL || *state_dir == '\0' ||
	    (size_t)snprintf(path, sizeof(path), "%s/crashes", state_dir) >=
		sizeof(path))
		return;
	list->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list->folder == -1)
		return;
	list->count = scandir(path, &list->names, is_report, alphasort);
	if (list->count < 0) {
		list->count = 0;
		list->names = NULL;
	}
	if (list->count > CRASH_LIST_MOST)
		list->next = list->count - CRASH_LIST_MOST;
}

void
crash_list_close(struct crash_list *list)
{
	for (int i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	list->names = NULL;
	list->count = list->next = 0;
	fd_close(&list->folder);
}

int
crash_list_take(struct crash_list *list, struct message_crash *ret_crash)
{
	const char *name;
	int fd;

	while (list->next < list->count) {
		name = list->names[list->next++]->d_name;
		fd = openat(list->folder, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		memset(ret_crash, 0, sizeof(*ret_crash));
		(void)strlcpy(ret_crash->id, name,
		    strlen(name) - (sizeof(suffix) - 1) + 1);
		return (fd);
	}
	return (-1);
}

void
crash_list_return(struct crash_list *list)
{
	list->next--;
}
