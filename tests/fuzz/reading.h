/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a parser has made of a request: the form in which ours and http-parser
 * are compared. Their headers can't be included together, because they share
 * names.
 */
#ifndef TESTS_FUZZ_READING_H
#define TESTS_FUZZ_READING_H

#include <stdbool.h>
#include <stddef.h>

enum {
	TEXT_MAX = 2048,
	FIELDS_MAX = 40,
};

enum verdict {
	REFUSED,
	INCOMPLETE,
	ACCEPTED,
};

struct text {
	char bytes[TEXT_MAX];
	size_t length;
};

struct field {
	struct text name;
	struct text value;
};

struct reading {
	enum verdict verdict;
	int error;       /* of our parser: a status, or -EBADMSG for the body */
	const char *why; /* http-parser's name of its error */
	bool has_head;
	bool in_value;
	bool keep_alive;
	unsigned major;
	unsigned minor;
	size_t head_length; /* ours only */
	size_t consumed;
	struct text method;
	struct text target;
	struct text body;
	size_t count;
	struct field fields[FIELDS_MAX];
};

/* reading_reset(reading): nothing read yet. */
void reading_reset(struct reading *reading);

/* text_append(text, bytes, length): what doesn't fit is dropped. */
void text_append(struct text *text, const char *bytes, size_t length);

/* text_is(text, expected): are they the same, in any case? */
bool text_is(const struct text *text, const char *expected);

/* reading_by_reference(bytes, length, ret_reading): http-parser's. */
void reading_by_reference(
    const char *bytes, size_t length, struct reading *ret_reading);

#endif
