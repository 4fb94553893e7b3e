/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl, the operator's tool: asks a running server how it is.
 *
 *	bulkheadctl [--control PATH] status [--json]
 *
 * Exit status: 0, 1 the server can't be asked, 2 the command line is wrong.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/render.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	EXIT_OK = 0,
	EXIT_SERVER = 1,
	EXIT_USAGE = 2,
	PATH_SIZE = 4096,
	ERROR_SIZE = 8192,
};

struct command_line {
	const char *control; /* NULL: the default path */
	const char *command;
	bool json;
};

static void
print_usage(FILE *out)
{
	(void)fprintf(
	    out, "usage: bulkheadctl [--control PATH] status [--json]\n");
}

/* Returns -1 to go on, or the exit status. */
static int
parse_command_line(int argc, char **argv, struct command_line *line)
{
	static const struct option options[] = {
		{ "control", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	/* glibc reorders the arguments: options may follow the command. */
	while (
	    (option = getopt_long(argc, argv, "c:jhV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			line->control = optarg;
			break;
		case 'j':
			line->json = true;
			break;
		case 'h':
			print_usage(stdout);
			return (EXIT_OK);
		case 'V':
			(void)puts("bulkheadctl " BULKHEAD_VERSION);
			return (EXIT_OK);
		default: /* getopt_long has named it */
			print_usage(stderr);
			return (EXIT_USAGE);
		}
	}
	if (argc - optind != 1) {
		print_usage(stderr);
		return (EXIT_USAGE);
	}
	line->command = argv[optind];
	if (strcmp(line->command, "status") != 0) {
		(void)fprintf(
		    stderr, "bulkheadctl: no command '%s'\n", line->command);
		print_usage(stderr);
		return (EXIT_USAGE);
	}
	return (-1);
}

static int
show_status(const char *path, bool json)
{
	struct collect_status status;
	char error[ERROR_SIZE];
	int written;

	if (collect_status(path, &status, error, sizeof(error)) != 0) {
		(void)fprintf(stderr, "bulkheadctl: %s\n", error);
		return (EXIT_SERVER);
	}
	written =
	    json ? render_json(&status, stdout) : render_text(&status, stdout);
	collect_free(&status);
	if (written != 0) {
		(void)fprintf(stderr, "bulkheadctl: can't write: %s\n",
		    strerror(-written));
		return (EXIT_SERVER);
	}
	return (EXIT_OK);
}

int
main(int argc, char **argv)
{
	struct command_line line = { .control = NULL };
	char path[PATH_SIZE];
	int status;

	status = parse_command_line(argc, argv, &line);
	if (status != -1)
		return (status);
	if (line.control == NULL) {
		if (collect_default_path(path, sizeof(path)) != 0) {
			(void)fprintf(stderr, "bulkheadctl: the default "
					      "control path is too long\n");
			return (EXIT_SERVER);
		}
		line.control = path;
	}
	return (show_status(line.control, line.json));
}
