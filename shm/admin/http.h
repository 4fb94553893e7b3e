/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP side: libmicrohttpd with limits, in a thread of its own. Only GET
 * and HEAD; at a loopback address only under a name that is the machine's own.
 */
#ifndef SHM_ADMIN_HTTP_H
#define SHM_ADMIN_HTTP_H

#include "shm/admin/watcher.h"

enum {
	HTTP_CONNECTIONS = 64,
	HTTP_MEMORY = 16 * 1024, /* of a connection: its head must fit */
	/* From its opening, or its last answer, to its next whole answer. */
	HTTP_PATIENCE_MS = 10 * 1000,
};

struct http;

/*
 * http_start(listener, watcher, ret_http):
 * Serve what connects to ${listener}, which stays the caller's. Returns 0 or
 * -errno. http_stop(http): NULL is fine.
 */
int http_start(int listener, struct watcher *watcher, struct http **ret_http);
void http_stop(struct http *http);

/*
 * http_sweep(http):
 * End the connections that took longer than HTTP_PATIENCE_MS, however busy
 * they look: a byte now and then isn't a request. Call it about once a second.
 */
void http_sweep(struct http *http);

#endif
