/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/admin/reports.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
reports_begin(struct reports *reports)
{
	for (size_t i = 0; i < reports->count; i++)
		reports->entries[i].seen = false;
}

static void
remove_at(struct reports *reports, size_t i)
{
	json_decref(reports->entries[i].content);
	reports->count--;
	memmove(&reports->entries[i], &reports->entries[i + 1],
	    (reports->count - i) * sizeof(reports->entries[0]));
}

/* Up to ${size} bytes: how many there were, or -errno. */
static ssize_t
read_all(int fd, char *bytes, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while (length < size) {
		n = pread(fd, bytes + length, size - length, (off_t)length);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-errno);
		if (n == 0)
			break;
		length += (size_t)n;
	}
	return ((ssize_t)length);
}

static int
parse(int fd, json_t **ret_content)
{
	char *bytes = malloc(REPORTS_SIZE);
	json_t *content;
	ssize_t length;

	if (bytes == NULL)
		return (-ENOMEM);
	length = read_all(fd, bytes, REPORTS_SIZE);
	if (length < 0 || length == REPORTS_SIZE) {
		free(bytes);
		return (length < 0 ? (int)length : -EFBIG);
	}
	content = json_loadb(bytes, (size_t)length, 0, NULL);
	free(bytes);
	if (!json_is_object(content)) {
		json_decref(content);
		return (-EBADMSG);
	}
	*ret_content = content;
	return (0);
}

static struct report *
find(struct reports *reports, const char *id)
{
	for (size_t i = 0; i < reports->count; i++)
		if (strcmp(reports->entries[i].id, id) == 0)
			return (&reports->entries[i]);
	return (NULL);
}

static bool
is_same(const struct report *report, const struct stat *status)
{
	return (report->inode == status->st_ino &&
		report->written.tv_sec == status->st_mtim.tv_sec &&
		report->written.tv_nsec == status->st_mtim.tv_nsec);
}

int
reports_add(struct reports *reports, const char *id, int fd)
{
	struct report *report = find(reports, id);
	struct stat status;
	json_t *content = NULL;
	int error;

	if (fstat(fd, &status) != 0)
		return (-errno);
	if (report != NULL && is_same(report, &status)) {
		report->seen = true;
		return (0);
	}
	error = parse(fd, &content);
	if (error != 0)
		return (error);
	if (report == NULL) {
		if (reports->count == REPORTS_MOST)
			remove_at(reports, 0);
		report = &reports->entries[reports->count++];
		(void)strlcpy(report->id, id, sizeof(report->id));
		report->content = NULL;
	}
	json_decref(report->content);
	report->content = content;
	report->inode = status.st_ino;
	report->written = status.st_mtim;
	report->seen = true;
	return (0);
}

void
reports_end(struct reports *reports)
{
	size_t i = 0;

	while (i < reports->count)
		if (reports->entries[i].seen)
			i++;
		else
			remove_at(reports, i);
}

json_t *
reports_list(const struct reports *reports)
{
	json_t *array = json_array(), *copy;

	for (size_t i = reports->count; i-- > 0;) {
		copy = json_copy(reports->entries[i].content);
		if (copy != NULL)
			(void)json_object_del(copy, "recorder");
		if (json_array_append_new(array, copy) != 0) {
			json_decref(array);
			return (NULL);
		}
	}
	return (array);
}

json_t *
reports_find(const struct reports *reports, const char *id)
{
	for (size_t i = 0; i < reports->count; i++)
		if (strcmp(reports->entries[i].id, id) == 0)
			return (reports->entries[i].content);
	return (NULL);
}
