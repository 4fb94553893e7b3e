/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking a test's server's bulkhead-admin.
 */
#ifndef TESTS_SUPPORT_ADMIN_H
#define TESTS_SUPPORT_ADMIN_H

#include "tests/support/client.h"
#include "tests/support/server.h"

#include <jansson.h>

/*
 * admin_of(server, ret_admin):
 * The same with the port of its page, for client.h, if it was started with
 * admin=127.0.0.1:0. Not to be stopped.
 */
void admin_of(const struct server *server, struct server *ret_admin);

/* admin_pid(server): its process now, or 0. */
pid_t admin_pid(const struct server *server);

/* admin_json(admin, target): what a GET answers with 200. To be decref'ed. */
json_t *admin_json(const struct server *admin, const char *target);

/*
 * admin_wait(admin, target, status, words, timeout_ms): until a GET answers
 * so, with ${words} (or NULL) in the body. A connection that isn't made or is
 * cut counts as not yet. Fails the test when it never does.
 */
void admin_wait(const struct server *admin, const char *target, int status,
    const char *words, int64_t timeout_ms);

#endif
