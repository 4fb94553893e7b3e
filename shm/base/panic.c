/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a process whose own state can't be right any more. Any process.
 */
#include "shm/base/panic.h"

#include "shm/base/log.h"

#include <stdlib.h>

_Noreturn void
panic(const char *file, int line, const char *what)
{
	log_msg(LOG_CRIT, "%s:%d: broken: %s", file, line, what);
	abort();
}
