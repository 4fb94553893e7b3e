/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bulkhead-admin gives up: it reads what strangers send, and needs
 * nothing but its sockets and the memory that it is handed.
 */
#ifndef SHM_ADMIN_CONFINE_H
#define SHM_ADMIN_CONFINE_H

/*
 * confine_user():
 * Stop being root, if this is root: become the user bulkhead-admin, or nobody
 * where there is none; no privileges, now or by any program. Before anything
 * is read and before the first thread. Returns 0 or -errno.
 */
int confine_user(void);

/*
 * confine_resources(): few descriptors, bounded memory (but for a sanitizer),
 * no cores. 0 or -errno.
 */
int confine_resources(void);

/*
 * confine_calls():
 * From here on, in all threads, only the system calls that serving takes: no
 * file can be opened, no socket made, no program run, no memory executed.
 * Others answer EPERM. Returns 0 or -errno. A sanitizer needs more than that:
 * under it this does nothing.
 */
int confine_calls(void);

#endif
