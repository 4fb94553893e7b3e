/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line that says why. Runs in the master, mostly while it starts.
 */
#include "master/reason.h"

#include <stdarg.h>
#include <stdio.h>

int
reason_set(struct reason *reason, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reason->text, sizeof(reason->text), format, arguments);
	va_end(arguments);
	return (error);
}
