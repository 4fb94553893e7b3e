/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of what is wrong in a configuration.
 */
#include "master/config_errors.h"

#include "master/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
config_error(
    struct config_errors *errors, struct place place, const char *format, ...)
{
	char text[REASON_TEXT], line[2 * REASON_TEXT];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (place.line > 0)
		(void)snprintf(line, sizeof(line), "%s:%d: %s", place.file,
		    place.line, text);
	else
		(void)snprintf(line, sizeof(line), "%s: %s", place.file, text);
	/* What is inherited would be told once for each heir. */
	for (size_t i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++)
		if (errors->lines[i] != NULL &&
		    strcmp(errors->lines[i], line) == 0)
			return;
	if (errors->count < CONFIG_ERRORS_MAX)
		errors->lines[errors->count] = strdup(line);
	errors->count++;
}

const char *
config_errors_line(const struct config_errors *errors, size_t index)
{
	return (errors->lines[index] != NULL ? errors->lines[index]
					     : "out of memory");
}

void
config_errors_free(struct config_errors *errors)
{
	for (size_t i = 0; i < CONFIG_ERRORS_MAX; i++)
		free(errors->lines[i]);
	memset(errors, 0, sizeof(*errors));
}
