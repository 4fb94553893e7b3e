/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc, as lines of text.
 */
#include "tests/crash/storm_watch.h"

#include "tests/support/process.h"

#include <bsd/stdlib.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	FOLDER_LENGTH = 64,
	PATH_LENGTH = 128,
};

/* The lines of /proc/PID/status that tell how somebody fares. */
static const char *const status_keys[] = { "Name:", "State:", "SigPnd:",
	"ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "voluntary_ctxt_switches:",
	"nonvoluntary_ctxt_switches:" };

/* Files of one value, or a few lines. */
static const char *const files[] = { "wchan", "syscall", "schedstat", "stack" };

static bool
is_told(const char *line)
{
	for (size_t i = 0; i < sizeof(status_keys) / sizeof(status_keys[0]);
	     i++)
		if (strncmp(line, status_keys[i], strlen(status_keys[i])) == 0)
			return (true);
	return (false);
}

static void
tell_status(const char *folder)
{
	char path[PATH_LENGTH], *line, *rest, *text;

	(void)snprintf(path, sizeof(path), "%s/status", folder);
	rest = text = process_read_file(path, NULL);
	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		if (is_told(line))
			(void)fprintf(stderr, "    %s\n", line);
	free(text);
}

static void
tell_file(const char *folder, const char *name)
{
	char path[PATH_LENGTH], *line, *rest, *text;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	rest = text = process_read_file(path, NULL);
	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			(void)fprintf(stderr, "    %s: %s\n", name, line);
	free(text);
}

static void
tell_thread(pid_t pid, const char *thread)
{
	char folder[FOLDER_LENGTH];

	(void)snprintf(
	    folder, sizeof(folder), "/proc/%d/task/%.16s", (int)pid, thread);
	(void)fprintf(stderr, "  process %d thread %s\n", (int)pid, thread);
	tell_status(folder);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		tell_file(folder, files[i]);
}

static void
tell_process(pid_t pid)
{
	char folder[FOLDER_LENGTH];
	struct dirent *entry;
	DIR *tasks;

	(void)snprintf(folder, sizeof(folder), "/proc/%d/task", (int)pid);
	tasks = opendir(folder);
	if (tasks == NULL) {
		(void)fprintf(stderr, "  process %d is gone\n", (int)pid);
		return;
	}
	while ((entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.')
			tell_thread(pid, entry->d_name);
	(void)closedir(tasks);
}

void
storm_watch_tell(pid_t master)
{
	char path[PATH_LENGTH], *rest, *text, *word;
	const char *error;
	pid_t pid;

	tell_process(master);
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)master, (int)master);
	rest = text = process_read_file(path, NULL);
	while (rest != NULL && (word = strsep(&rest, " ")) != NULL) {
		pid = (pid_t)strtonum(word, 1, INT_MAX, &error);
		if (error == NULL)
			tell_process(pid);
	}
	free(text);
}

void
storm_watch_tell_client(pid_t thread, int fd)
{
	char name[FOLDER_LENGTH];
	int bytes = -1;

	(void)snprintf(name, sizeof(name), "%d", (int)thread);
	(void)ioctl(fd, FIONREAD, &bytes);
	(void)fprintf(stderr, "  the client, with %d bytes to read\n", bytes);
	tell_thread(getpid(), name);
}
