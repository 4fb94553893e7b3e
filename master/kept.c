/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text and the descriptors that survive an exec. Runs in the master.
 */
#include "master/kept.h"

#include "shm/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
kept_new(struct kept *kept)
{
	kept->root = json_object();
	kept->fds = json_array();
	if (kept->root == NULL || kept->fds == NULL) {
		json_decref(kept->root);
		json_decref(kept->fds);
		return (-ENOMEM);
	}
	return (0);
}

void
kept_free(struct kept *kept)
{
	json_decref(kept->root);
	json_decref(kept->fds);
	kept->root = kept->fds = NULL;
}

json_t *
kept_fd(struct kept *kept, int fd)
{
	if (fd != -1)
		(void)json_array_append_new(kept->fds, json_integer(fd));
	return (json_integer(fd));
}

json_t *
kept_string(const char *text)
{
	return (json_string_nocheck(text));
}

static int
write_all(int fd, const char *text, size_t size)
{
	ssize_t written;

	while (size > 0) {
		written = write(fd, text, size);
		if (written < 0)
			return (-errno);
		text += written;
		size -= (size_t)written;
	}
	return (0);
}

/* A byte is the character of its number, and so two bytes if not ASCII. */
static size_t
encode(const char *from, size_t length, char *to)
{
	size_t size = 0;

	for (size_t i = 0; i < length; i++) {
		const unsigned byte = (unsigned char)from[i];

		if (byte < 0x80) {
			to[size++] = (char)byte;
			continue;
		}
		to[size++] = (char)(0xc0 | byte >> 6);
		to[size++] = (char)(0x80 | (byte & 0x3f));
	}
	return (size);
}

static size_t
decode(const char *from, size_t length, char *to)
{
	size_t size = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned byte = (unsigned char)from[i];

		if ((byte & 0xfc) == 0xc0 && i + 1 < length)
			byte = (byte & 3) << 6 |
			       ((unsigned char)from[++i] & 0x3f);
		to[size++] = (char)byte;
	}
	return (size);
}

static int
recode_string(json_t *string,
    size_t (*recode)(const char *from, size_t length, char *to))
{
	const size_t length = json_string_length(string);
	char *text = malloc(2 * length + 1);
	int error = -ENOMEM;

	if (text != NULL && json_string_setn_nocheck(string, text,
				recode(json_string_value(string), length,
				    text)) == 0)
		error = 0;
	if (text != NULL)
		explicit_bzero(text, 2 * length); /* see kept_write() */
	free(text);
	return (error);
}

/*
 * JSON is UTF-8; paths and settings are bytes. All strings of a value, which
 * isn't deep.
 */
static int
recode_all(
    json_t *value, size_t (*recode)(const char *from, size_t length, char *to))
{
	const char *name;
	json_t *item;
	size_t i;
	int error = 0;

	if (json_is_string(value))
		return (recode_string(value, recode));
	if (json_is_array(value)) {
		json_array_foreach(value, i, item)
		{
			if (error == 0)
				error = recode_all(item, recode);
		}
		return (error);
	}
	json_object_foreach(value, name, item)
	{
		if (error == 0)
			error = recode_all(item, recode);
	}
	return (error);
}

int
kept_write(struct kept *kept, int *ret_fd)
{
	char *text;
	int error, fd;

	if (json_object_set(kept->root, "fds", kept->fds) != 0 ||
	    recode_all(kept->root, encode) != 0)
		return (-ENOMEM);
	text = json_dumps(kept->root, JSON_COMPACT);
	if (text == NULL)
		return (-EILSEQ);
	fd = memfd_create("bulkhead-upgrade", MFD_CLOEXEC);
	error = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	/* It has the modules' settings, and so perhaps secrets. */
	explicit_bzero(text, strlen(text));
	free(text);
	if (error != 0) {
		fd_close(&fd);
		return (error);
	}
	*ret_fd = fd;
	return (0);
}

int
kept_read(int fd, struct kept *kept, struct reason *why)
{
	json_error_t failure;
	struct stat status;
	char *text;
	size_t size;

	if (fstat(fd, &status) != 0 || status.st_size == 0)
		return (reason_set(why, -EINVAL,
		    "what the old program left can't be read: %s",
		    strerror(errno)));
	size = (size_t)status.st_size;
	text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return (reason_set(why, -errno,
		    "what the old program left can't be read: %s",
		    strerror(errno)));
	kept->root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &failure);
	(void)munmap(text, size);
	kept->fds = json_object_get(kept->root, "fds");
	if (!json_is_array(kept->fds)) {
		json_decref(kept->root);
		kept->root = kept->fds = NULL;
		return (reason_set(why, -EINVAL,
		    "what the old program left can't be understood: %s",
		    failure.text));
	}
	(void)json_incref(kept->fds);
	if (recode_all(kept->root, decode) == 0)
		return (0);
	kept_free(kept);
	return (reason_set(why, -ENOMEM, "out of memory"));
}

void
kept_pass_on(const struct kept *kept, bool yes)
{
	const json_t *value;
	size_t i;

	json_array_foreach(kept->fds, i, value)
	{
		(void)fcntl((int)json_integer_value(value), F_SETFD,
		    yes ? 0 : FD_CLOEXEC);
	}
}

int64_t
kept_number(const json_t *object, const char *name, int64_t fallback)
{
	const json_t *value = json_object_get(object, name);

	return (json_is_integer(value) ? json_integer_value(value) : fallback);
}

const char *
kept_text(const json_t *object, const char *name)
{
	return (json_string_value(json_object_get(object, name)));
}

bool
kept_flag(const json_t *object, const char *name)
{
	return (json_is_true(json_object_get(object, name)));
}

void
kept_set(json_t *object, const char *name, json_t *value)
{
	(void)json_object_set_new(object, name, value);
}
