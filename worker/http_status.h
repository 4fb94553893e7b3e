/* SPDX-License-Identifier: BSD-2-Clause */
/* The usual reason phrases (RFC 9110 section 15, RFC 6585). */
#ifndef WORKER_HTTP_STATUS_H
#define WORKER_HTTP_STATUS_H

/* http_reason(status): never NULL; "Unknown" for one that isn't listed. */
const char *http_reason(unsigned status);

#endif
