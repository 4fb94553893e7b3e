/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of a configuration file, prepared for the parser: libconfuse loses
 * count of lines at comments, so it gets none, and takes an end of the file
 * for the end of all sections, so that end is marked.
 */
#ifndef MASTER_CONFIG_TEXT_H
#define MASTER_CONFIG_TEXT_H

#include "master/reason.h"

#include <stddef.h>

/* Stands at a text's end. ';' begins no name that anybody would choose. */
#define CONFIG_TEXT_END ";end"

enum {
	CONFIG_TEXT_MAX = 1 << 20, /* bytes of a file */
};

struct config_text {
	char *bytes;
	int lines; /* of the file */
};

/*
 * config_text_read(path, ret_text, why):
 * Read a file. Returns 0, or -errno with what is wrong in ${why} (which doesn't
 * name the path) and ret_text->lines the line of it, or 0. The bytes are the
 * caller's to free.
 */
int config_text_read(
    const char *path, struct config_text *ret_text, struct reason *why);

/*
 * config_text_prepare(bytes, size, ret_text, why):
 * The same for ${size} bytes that have been read; they are copied.
 */
int config_text_prepare(const char *bytes, size_t size,
    struct config_text *ret_text, struct reason *why);

#endif
