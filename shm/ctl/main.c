/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl, the operator's tool: asks a running server how it is, and shows
 * what became of its workers.
 *
 * Exit status: 0, 1 the server can't be asked, 2 the command line is wrong.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/crashes.h"
#include "shm/ctl/render.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
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
	const char *control;   /* NULL: the default path */
	const char *state_dir; /* NULL: the server knows */
	const char *command;
	const char *argument; /* or NULL */
	bool json;
};

struct command {
	const char *name;
	int least, most; /* arguments */
	int (*run)(const struct command_line *line);
};

static void
print_usage(FILE *out)
{
	(void)fputs("usage: bulkheadctl [--control PATH] status [--json]\n"
		    "       bulkheadctl [--control PATH | --state-dir DIR] "
		    "crashes [ID] [--json]\n"
		    "       bulkheadctl [--control PATH] quarantine MODULE\n"
		    "       bulkheadctl [--control PATH] release MODULE\n"
		    "       bulkheadctl [--control PATH] recycle [WORKER]\n",
	    out);
}

static int
complain(const char *text)
{
	(void)fprintf(stderr, "bulkheadctl: %s\n", text);
	return (EXIT_SERVER);
}

static int
show_status(const struct command_line *line)
{
	struct collect_status status;
	char error[ERROR_SIZE];
	int written;

	if (collect_status(line->control, &status, error, sizeof(error)) != 0)
		return (complain(error));
	written = line->json ? render_json(&status, stdout)
			     : render_text(&status, stdout);
	collect_free(&status);
	if (written != 0) {
		(void)snprintf(error, sizeof(error), "can't write: %s",
		    strerror(-written));
		return (complain(error));
	}
	return (EXIT_OK);
}

/* Where the server writes its reports; where it would if it isn't there. */
static int
find_state_dir(const struct command_line *line, char *ret_path, size_t size)
{
	struct collect_status status;
	char error[ERROR_SIZE];

	if (line->state_dir != NULL)
		return (
		    strlcpy(ret_path, line->state_dir, size) < size ? 0 : -1);
	if (collect_status(line->control, &status, error, sizeof(error)) == 0) {
		(void)strlcpy(ret_path, status.master.state_dir, size);
		collect_free(&status);
		return (*ret_path != '\0' ? 0 : -1);
	}
	return (collect_default_state(ret_path, size));
}

static int
show_crashes(const struct command_line *line)
{
	char error[ERROR_SIZE], path[PATH_SIZE];
	int status;

	if (find_state_dir(line, path, sizeof(path)) != 0)
		return (complain("the server writes no crash reports; name "
				 "a folder with --state-dir"));
	if (line->argument != NULL)
		status = crashes_show(path, line->argument, line->json, stdout,
		    error, sizeof(error));
	else
		status = crashes_list(
		    path, line->json, stdout, error, sizeof(error));
	return (status == 0 ? EXIT_OK : complain(error));
}

static int
send_command(
    const struct command_line *line, const struct message_command *command)
{
	struct message_answer answer;
	char error[ERROR_SIZE];

	if (collect_command(
		line->control, command, &answer, error, sizeof(error)) != 0)
		return (complain(error));
	if (answer.status != 0)
		return (complain(answer.text));
	(void)puts(answer.text);
	return (EXIT_OK);
}

static int
name_module(const struct command_line *line, enum command_what what)
{
	struct message_command command = { .what = (uint32_t)what };

	if (strlcpy(command.module, line->argument, sizeof(command.module)) >=
	    sizeof(command.module))
		return (complain("no module has so long a name"));
	return (send_command(line, &command));
}

static int
quarantine(const struct command_line *line)
{
	return (name_module(line, COMMAND_QUARANTINE));
}

static int
release(const struct command_line *line)
{
	return (name_module(line, COMMAND_RELEASE));
}

static int
recycle(const struct command_line *line)
{
	struct message_command command = { .what = COMMAND_RECYCLE };
	const char *error = NULL;

	if (line->argument != NULL)
		command.worker =
		    (uint32_t)strtonum(line->argument, 1, UINT32_MAX, &error);
	if (error != NULL)
		return (complain("recycle takes a worker's number"));
	return (send_command(line, &command));
}

static const struct command commands[] = {
	{ "status", 0, 0, show_status },
	{ "crashes", 0, 1, show_crashes },
	{ "quarantine", 1, 1, quarantine },
	{ "release", 1, 1, release },
	{ "recycle", 0, 1, recycle },
};

/* Returns -1 to go on, or the exit status. */
static int
parse_options(int argc, char **argv, struct command_line *line)
{
	static const struct option options[] = {
		{ "control", required_argument, NULL, 'c' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	/* glibc reorders the arguments: options may follow the command. */
	while ((option = getopt_long(argc, argv, "c:s:jhV", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'c':
			line->control = optarg;
			break;
		case 's':
			line->state_dir = optarg;
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
	return (-1);
}

/* NULL, and said why, when it is none of ours. */
static const struct command *
find_command(int argc, char **argv, struct command_line *line)
{
	const struct command *command;
	int count = argc - optind - 1;

	for (size_t i = 0;
	     count >= 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		command = &commands[i];
		if (strcmp(argv[optind], command->name) != 0)
			continue;
		if (count < command->least || count > command->most)
			break;
		line->command = command->name;
		line->argument = count > 0 ? argv[optind + 1] : NULL;
		return (command);
	}
	if (count == 0)
		(void)fprintf(
		    stderr, "bulkheadctl: no command '%s'\n", argv[optind]);
	print_usage(stderr);
	return (NULL);
}

int
main(int argc, char **argv)
{
	struct command_line line = { .control = NULL };
	const struct command *command;
	char path[PATH_SIZE];
	int status;

	status = parse_options(argc, argv, &line);
	if (status != -1)
		return (status);
	command = find_command(argc, argv, &line);
	if (command == NULL)
		return (EXIT_USAGE);
	if (line.control == NULL) {
		if (collect_default_path(path, sizeof(path)) != 0)
			return (complain("the default control path is too "
					 "long"));
		line.control = path;
	}
	return (command->run(&line));
}
