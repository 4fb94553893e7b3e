/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is answered at which path. Knows no HTTP library; reads what the
 * watcher keeps, and waits for nothing.
 */
#ifndef SHM_ADMIN_ROUTES_H
#define SHM_ADMIN_ROUTES_H

#include "shm/admin/watcher.h"

#include <stddef.h>

struct answer {
	unsigned status;
	const char *type;   /* Content-Type */
	const char *policy; /* Content-Security-Policy */
	unsigned refresh_s; /* Refresh, or 0 */
	char *owned;        /* the body, malloc'ed; or else */
	const char *fixed;  /* the body, there for good */
	size_t length;
};

/*
 * routes_answer(watcher, path, since, ret_answer):
 * ${path} is the target's, without its query; ${since} is the query's, or
 * NULL. There is always an answer; ret_answer->owned is the caller's to free.
 */
void routes_answer(struct watcher *watcher, const char *path, const char *since,
    struct answer *ret_answer);

/* routes_say(ret_answer, status, text): a line of text; it must stay there. */
void routes_say(struct answer *ret_answer, unsigned status, const char *text);

#endif
