/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one image of the master leaves to the next: a JSON text in a memfd, and
 * the descriptors that it names by their numbers. The text is theirs alone; no
 * worker and no tool reads it.
 */
#ifndef MASTER_KEPT_H
#define MASTER_KEPT_H

#include "master/reason.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct kept {
	json_t *root;
	json_t *fds; /* every descriptor in it, once */
};

/*
 * kept_new(kept): empty. kept_free(kept): the text only; the descriptors stay.
 * Returns 0 or -ENOMEM.
 */
int kept_new(struct kept *kept);
void kept_free(struct kept *kept);

/*
 * kept_fd(kept, fd): ${fd} as a value that is kept; -1 stays -1.
 */
json_t *kept_fd(struct kept *kept, int fd);

/*
 * kept_string(text): any bytes; UTF-8 or not, they are read back as they were.
 * NULL: there is no value.
 */
json_t *kept_string(const char *text);

/*
 * kept_write(kept, ret_fd): the text, in a new memfd, close-on-exec; after it
 * ${kept} is good for kept_pass_on() and kept_free() only. Returns 0 or -errno.
 * kept_read(fd, kept, why): the inverse; ${fd} stays open. When it fails there
 * is no root.
 */
int kept_write(struct kept *kept, int *ret_fd);
int kept_read(int fd, struct kept *kept, struct reason *why);

/*
 * kept_pass_on(kept, yes): have all of its descriptors survive an exec, or
 * not.
 */
void kept_pass_on(const struct kept *kept, bool yes);

/*
 * Values by name, of the right type, or the fallback. The text was written by
 * a program of ours, but perhaps by another version of it.
 */
int64_t kept_number(const json_t *object, const char *name, int64_t fallback);
const char *kept_text(const json_t *object, const char *name);
bool kept_flag(const json_t *object, const char *name);

/*
 * kept_set(object, name, value): json_object_set_new(), whose failure shows
 * as a value that is missing when it is read back.
 */
void kept_set(json_t *object, const char *name, json_t *value);

#endif
