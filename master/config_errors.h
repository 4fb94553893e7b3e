/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong in a configuration: a line for each mistake, in the order in
 * which they were found.
 */
#ifndef MASTER_CONFIG_ERRORS_H
#define MASTER_CONFIG_ERRORS_H

#include <stddef.h>

enum {
	CONFIG_ERRORS_MAX = 64, /* lines kept; the rest is only counted */
};

struct config_errors {
	char *lines[CONFIG_ERRORS_MAX];
	size_t count; /* of all */
};

/* Where in a configuration something stands. */
struct place {
	const char *file;
	int line; /* 0: nowhere in particular */
};

/*
 * config_error(errors, place, format, ...): add "FILE:LINE: ...", once.
 * config_errors_line(errors, index): one that was kept.
 * config_errors_free(errors): and clear it; a cleared one has none.
 */
void config_error(struct config_errors *errors, struct place place,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *config_errors_line(
    const struct config_errors *errors, size_t index);
void config_errors_free(struct config_errors *errors);

#endif
