/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is to configure, told from the definition in settings.def and
 * sections.c: for reading, for programs, as a commented example file, and as
 * the manual page.
 */
#ifndef MASTER_DESCRIBE_H
#define MASTER_DESCRIBE_H

#include "master/sections.h"

#include <stdio.h>

enum describe_format {
	DESCRIBE_TEXT,
	DESCRIBE_JSON,
	DESCRIBE_EXAMPLE, /* deploy/etc/bulkhead.conf */
	DESCRIBE_MANUAL,  /* deploy/man/bulkhead.conf.5 */
	DESCRIBE_FORMATS,
};

/* describe_format_find(name): DESCRIBE_FORMATS when there is none. */
enum describe_format describe_format_find(const char *name);

/* describe(out, format): all settings of all sections. */
void describe(FILE *out, enum describe_format format);

/* Parts of it. */
void describe_example(FILE *out);
void describe_manual(FILE *out);

enum {
	DESCRIBE_LINE = 256, /* bytes for describe_assignment() */
};

/*
 * describe_assignment(setting, ret_line): "NAME = VALUE" with its default, or
 * with an example where it has none, as it would stand in a file.
 */
void describe_assignment(
    const struct setting *setting, char ret_line[static DESCRIBE_LINE]);

/* describe_title(id, ret_line): `pool "NAME"`, and where it stands. */
void describe_title(enum section_id id, char ret_line[static DESCRIBE_LINE]);

#endif
