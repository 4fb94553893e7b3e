/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths that are written in several ways and mean one place: a rule for
 * "/admin" must hold for "//admin", "/./admin" and "/%61dmin" too, because a
 * module may see the same place in all of them.
 */
#include "worker/site.h"

/* The value of a hexadecimal digit, or -1. */
static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	c = (char)(c | 0x20);
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/* The byte at *${at}, decoded; *${at} goes past it. A bad % is itself. */
static char
next_byte(const char *path, size_t length, size_t *at)
{
	const char *here = path + *at;

	if (*here == '%' && length - *at > 2 && digit(here[1]) >= 0 &&
	    digit(here[2]) >= 0) {
		*at += 3;
		return ((char)(digit(here[1]) << 4 | digit(here[2])));
	}
	*at += 1;
	return (*here);
}

/*
 * The last segment is whole: [start, used) follows a slash. Returns where the
 * next one begins, if a slash is to come.
 */
static size_t
end_segment(const char *path, size_t start, size_t used)
{
	size_t length = used - start;

	if (length == 0 || (length == 1 && path[start] == '.'))
		return (start);
	if (length != 2 || path[start] != '.' || path[start + 1] != '.')
		return (used);
	/* Up: to behind the slash before the last one. */
	if (start <= 1)
		return (start);
	for (start--; start > 0 && path[start - 1] != '/';)
		start--;
	return (start);
}

size_t
site_path_normalise(
    const char *path, size_t length, char ret_path[static HTTP_TARGET_MAX])
{
	size_t at = 0, used = 0, start = 0, kept;
	char byte;

	if (length > HTTP_TARGET_MAX)
		length = HTTP_TARGET_MAX;
	while (at < length) {
		byte = next_byte(path, length, &at);
		if (byte == '/' && used > 0) {
			kept = end_segment(ret_path, start, used);
			/* What was dropped had a slash before it. */
			used = kept;
			if (used == 0 || ret_path[used - 1] == '/') {
				start = used;
				continue;
			}
		}
		ret_path[used++] = byte;
		if (byte == '/')
			start = used;
	}
	if (used > 0)
		used = end_segment(ret_path, start, used);
	return (used);
}

bool
site_path_is_plain(const char *path, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (path[i] == '%')
			return (false);
		if (path[i] == '/' && i + 1 < length &&
		    (path[i + 1] == '/' || path[i + 1] == '.'))
			return (false);
	}
	return (true);
}
