/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Against DNS rebinding: a page of a stranger can make a browser ask us under
 * the stranger's name, but not under ours.
 */
#ifndef SHM_ADMIN_HOST_H
#define SHM_ADMIN_HOST_H

#include <stdbool.h>

/*
 * host_is_local(host):
 * Is this Host header one that names the machine itself: localhost, an
 * address 127.x.x.x or [::1], with any port or none? NULL, no header at all,
 * isn't from a browser and passes. Pure.
 */
bool host_is_local(const char *host);

#endif
