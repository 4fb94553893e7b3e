/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl crashes: finding the reports' folder.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/command.h"
#include "shm/ctl/crashes.h"

#include <bsd/string.h>
#include <stdio.h>
#include <string.h>

enum {
	PATH_SIZE = 4096
};

/* Where the server writes its reports; where it would if it isn't there. */
static int
find_state_dir(const struct command_line *line, char *ret_path, size_t size)
{
	struct collect_status status;
	char error[COMMAND_ERROR_SIZE];

	if (line->state_dir != NULL)
		return (
		    strlcpy(ret_path, line->state_dir, size) < size ? 0 : -1);
	if (collect_status(line->control, 0, &status, error, sizeof(error)) ==
	    0) {
		(void)strlcpy(ret_path, status.master.state_dir, size);
		collect_free(&status);
		return (*ret_path != '\0' ? 0 : -1);
	}
	return (collect_default_state(ret_path, size));
}

int
command_crashes(const struct command_line *line)
{
	char error[COMMAND_ERROR_SIZE], path[PATH_SIZE];
	int status;

	if (find_state_dir(line, path, sizeof(path)) != 0)
		return (
		    command_complain("the server writes no crash reports; name "
				     "a folder with --state-dir"));
	if (line->argument != NULL)
		status = crashes_show(path, line->argument, line->json, stdout,
		    error, sizeof(error));
	else
		status = crashes_list(
		    path, line->json, stdout, error, sizeof(error));
	return (status == 0 ? EXIT_OK : command_complain(error));
}
