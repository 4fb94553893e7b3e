/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to do when something that only we can break is broken. Never use it on
 * bytes from a peer, a file, a module or another process's memory.
 */
#ifndef SHM_BASE_PANIC_H
#define SHM_BASE_PANIC_H

/*
 * panic(file, line, what):
 * Log ${what} with its place and abort(3): the master reads the rest from the
 * segment.
 */
_Noreturn void panic(const char *file, int line, const char *what);

#define bh_assert(condition) \
	((condition) ? (void)0 : panic(__FILE__, __LINE__, #condition))

#endif
