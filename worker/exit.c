/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * _exit(2) and _Exit(3) of the worker's process: exit(3) without the handlers
 * that could say who has called it. Exported, and so the modules' and their
 * libraries' too. Any thread.
 */
#include "worker/fatal.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* The one name beside bh_* that leaves this program: it is the C library's. */
EXPORTED void
_exit(int status)
{
	fatal_exit();
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

EXPORTED void
_Exit(int status)
{
	_exit(status);
}
