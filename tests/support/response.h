/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict reader of HTTP/1.1 responses: anything that RFC 9112 doesn't allow
 * a server to send is an error, however harmless. Pure; it looks at bytes.
 */
#ifndef TESTS_SUPPORT_RESPONSE_H
#define TESTS_SUPPORT_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	RESPONSE_HEADERS_MAX = 128
};

struct response {
	int status;
	int minor;        /* HTTP/1.minor */
	unsigned interim; /* 1xx responses before it */
	size_t header_count;
	struct {
		const char *name;
		const char *value;
	} headers[RESPONSE_HEADERS_MAX];
	char *head;        /* owns the header text */
	size_t head_bytes; /* of the final head on the wire */
	char *body;        /* decoded, and terminated for convenience */
	size_t body_bytes;
	size_t wire_bytes; /* final head, framing and body on the wire */
	bool chunked;
	bool until_eof; /* the body's end is the connection's */
};

/*
 * response_parse(bytes, length, eof, head_request, ret_response, ret_error):
 * Take one response, with the 1xx before it, from the start of the bytes;
 * ${eof} says that no more will come; ${head_request} that it answers a HEAD.
 * Returns how many bytes it took (> 0, and response_free() is the caller's
 * duty), 0 when more bytes are needed, or -1 with *${ret_error} saying what
 * is wrong.
 */
ssize_t response_parse(const char *bytes, size_t length, bool eof,
    bool head_request, struct response *ret_response, const char **ret_error);

void response_free(struct response *response);

/* response_header(response, name): the value, or NULL; any case. */
const char *response_header(const struct response *response, const char *name);

#endif
