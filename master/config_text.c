/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a configuration file, and taking its comments out.
 */
#include "master/config_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the scan of a text is. */
struct scan {
	char *at;
	char *end;
	int line;
	bool in_word; /* of letters without quotes: "http://" is none */
};

static void
step(struct scan *scan)
{
	if (*scan->at == '\n')
		scan->line++;
	scan->at++;
}

/* Past a text in quotes. False when it has no end. */
static bool
skip_quoted(struct scan *scan)
{
	char quote = *scan->at;

	for (step(scan); scan->at < scan->end && *scan->at != quote; step(scan))
		if (*scan->at == '\\' && scan->end - scan->at > 1)
			step(scan);
	if (scan->at == scan->end)
		return (false);
	step(scan);
	scan->in_word = false;
	return (true);
}

/* Blank a comment to the line's end. */
static void
blank_line(struct scan *scan)
{
	for (; scan->at < scan->end && *scan->at != '\n'; scan->at++)
		*scan->at = ' ';
}

/* Blank a comment to its last slash; line ends stay. False: it has none. */
static bool
blank_block(struct scan *scan)
{
	bool done = false;

	scan->at[0] = scan->at[1] = ' ';
	for (scan->at += 2; scan->at < scan->end && !done; step(scan)) {
		done = scan->end - scan->at > 1 && scan->at[0] == '*' &&
		       scan->at[1] == '/';
		if (done)
			*scan->at++ = ' ';
		if (*scan->at != '\n')
			*scan->at = ' ';
	}
	return (done);
}

/* One comment, quoted text or byte. NULL, or what is wrong with it. */
static const char *
scan_next(struct scan *scan)
{
	char byte = *scan->at;
	char next = '\0';

	if (scan->end - scan->at > 1)
		next = scan->at[1];
	if (byte == '"' || byte == '\'')
		return (skip_quoted(scan)
			    ? NULL
			    : "the quoted text that begins here has no end");
	if (byte == '/' && next == '*')
		return (blank_block(scan)
			    ? NULL
			    : "the comment that begins here has no end");
	if (byte == '#' || (byte == '/' && next == '/' && !scan->in_word)) {
		blank_line(scan);
		return (NULL);
	}
	/* The parser would leave them out in silence. */
	if (byte == '*' || (byte == '+' && next != '='))
		return ("what has a * or a + in it must stand in quotes");
	scan->in_word = strchr(" \t\r\n={}()+,*", byte) == NULL;
	step(scan);
	return (NULL);
}

int
config_text_prepare(const char *bytes, size_t size,
    struct config_text *ret_text, struct reason *why)
{
	static const char end[] = "\n" CONFIG_TEXT_END "()\n";
	const char *wrong = NULL;
	struct scan scan;
	char *copy;
	int line = 0;

	*ret_text = (struct config_text){ NULL, 0 };
	if (memchr(bytes, '\0', size) != NULL)
		return (reason_set(
		    why, -EINVAL, "it isn't a text: there is a byte 0 in it"));
	copy = malloc(size + sizeof(end));
	if (copy == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	memcpy(copy, bytes, size);
	memcpy(copy + size, end, sizeof(end));
	scan = (struct scan){ .at = copy, .end = copy + size, .line = 1 };
	while (scan.at < scan.end && wrong == NULL) {
		line = scan.line;
		wrong = scan_next(&scan);
	}
	if (wrong != NULL) {
		free(copy);
		ret_text->lines = line;
		return (reason_set(why, -EINVAL, "%s", wrong));
	}
	ret_text->bytes = copy;
	ret_text->lines = scan.line;
	/* What ends in a line's end has no line behind it. */
	if (size > 0 && bytes[size - 1] == '\n')
		ret_text->lines--;
	return (0);
}

static int
read_all(int fd, size_t size, struct config_text *ret_text, struct reason *why)
{
	char *bytes = malloc(size + 1);
	size_t have = 0;
	ssize_t count = 1;
	int error;

	if (bytes == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	while (have < size && count > 0) {
		count = read(fd, bytes + have, size - have);
		if (count > 0)
			have += (size_t)count;
	}
	if (count < 0)
		error = reason_set(
		    why, -errno, "can't be read: %s", strerror(errno));
	else
		error = config_text_prepare(bytes, have, ret_text, why);
	free(bytes);
	return (error);
}

int
config_text_read(
    const char *path, struct config_text *ret_text, struct reason *why)
{
	struct stat status;
	int error, fd;

	*ret_text = (struct config_text){ NULL, 0 };
	/* Not blocking: it could be a pipe that nobody writes to. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return (reason_set(
		    why, -errno, "can't be read: %s", strerror(errno)));
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		error = reason_set(why, -EINVAL, "it isn't a regular file");
	else if (status.st_size > CONFIG_TEXT_MAX)
		error = reason_set(
		    why, -EFBIG, "it is larger than %d bytes", CONFIG_TEXT_MAX);
	else
		error = read_all(fd, (size_t)status.st_size, ret_text, why);
	(void)close(fd);
	return (error);
}
