/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request targets that don't begin with '/', and authorities, which the Host
 * field has too. Pure functions; for http_parse.c's pass.
 */
#ifndef WORKER_HTTP_TARGET_H
#define WORKER_HTTP_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/http_parse.h"

struct scan_bounds;

/*
 * http_target_is_authority(bounds, at, end):
 * Is [at, end) "host" or "host:port"? Never empty. What stands at ${end} is
 * within ${bounds} and belongs to no name, or ${end} is their end.
 */
bool http_target_is_authority(
    struct scan_bounds bounds, const uint8_t *at, const uint8_t *end);

/*
 * http_target_check(target, end, method):
 * Can the bytes up to ${end}, at least one, become the asterisk of OPTIONS or
 * an http or https URI? Returns 0 when they can and the scheme is whole,
 * -EAGAIN when more bytes must tell, or 400.
 */
int http_target_check(
    const uint8_t *target, const uint8_t *end, enum http_method method);

/*
 * http_target_split(bounds, target, end, ret_authority):
 * Of a URI that http_target_check() has found good, up to its query: where
 * its authority begins. Returns where the authority ends and the path begins
 * (${end} if there is none), or NULL when the authority is malformed.
 */
const uint8_t *http_target_split(struct scan_bounds bounds,
    const uint8_t *target, const uint8_t *end, const uint8_t **ret_authority);

#endif
