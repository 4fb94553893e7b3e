/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkheadctl, the operator's tool: asks a running server how it is, shows
 * what became of its workers, and has it do things. The command line.
 */
#include "shm/ctl/collect.h"
#include "shm/ctl/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	PATH_SIZE = 4096
};

struct command {
	const char *name;
	int least, most; /* arguments */
	int (*run)(const struct command_line *line);
	const char *usage; /* what may follow the name */
	const char *help;
};

static const struct command commands[] = {
	{ "status", 0, 0, command_status, "[--json]",
	    "the server, its workers, totals, modules" },
	{ "stats", 0, 0, command_stats, "[--json | --prometheus]",
	    "every figure and histogram" },
	{ "top", 0, 0, command_top, "[--interval T] [--once]",
	    "a live view: workers, modules, requests" },
	{ "workers", 0, 0, command_workers, "[--json]",
	    "a line a worker: rates, latencies, what it does" },
	{ "modules", 0, 0, command_modules, "[--json]",
	    "calls, errors, times, memory, quarantine" },
	{ "requests", 0, 0, command_requests,
	    "[--worker N] [--module M] [--client ADDRESS] [--min-time T] "
	    "[--follow] [--interval T] [--json]",
	    "what is being done for whom" },
	{ "completions", 0, 1, command_completions,
	    "[WORKER] [--count N] [--json]",
	    "the flight recorder: what was dispatched last" },
	{ "crashes", 0, 1, command_crashes, "[ID] [--state-dir DIR] [--json]",
	    "reports of workers that died" },
	{ "quarantine", 1, 1, command_quarantine, "MODULE",
	    "call that module no more" },
	{ "release", 1, 1, command_release, "MODULE",
	    "a module from quarantine" },
	{ "recycle", 0, 1, command_recycle, "[WORKER]",
	    "replace that worker, or all, without loss" },
	{ "reopen", 0, 0, command_reopen, "",
	    "open the access logs anew: they were moved away" },
	{ "reload", 0, 0, command_reload, "",
	    "read the configuration again, start anew without loss" },
	{ "upgrade", 0, 0, command_upgrade, "",
	    "go on with the program that is installed now, without loss" },
	{ "log-level", 1, 1, command_log_level,
	    "error | warning | notice | info | debug | configured",
	    "how much the master and all workers log" },
	{ "drain", 0, 1, command_drain, "[TIME]",
	    "not ready any more; after that time the server stops" },
};
enum {
	COMMANDS = sizeof(commands) / sizeof(commands[0])
};

static void
print_usage(FILE *out)
{
	size_t i;

	(void)fputs("usage: bulkheadctl [--control PATH] COMMAND\n\n", out);
	for (i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %s%s%s\n        %s\n", commands[i].name,
		    *commands[i].usage != '\0' ? " " : "", commands[i].usage,
		    commands[i].help);
	(void)fputs("\nExit status: 0 done; 1 the server can't be asked, or "
		    "said no; 2 wrong usage.\n",
	    out);
}

int
command_complain(const char *text)
{
	(void)fprintf(stderr, "bulkheadctl: %s\n", text);
	return (EXIT_SERVER);
}

int
command_misuse(const char *text)
{
	(void)fprintf(stderr, "bulkheadctl: %s\n", text);
	return (EXIT_USAGE);
}

int
command_written(int status)
{
	if (status == 0)
		return (EXIT_OK);
	(void)fprintf(
	    stderr, "bulkheadctl: can't write: %s\n", strerror(-status));
	return (EXIT_SERVER);
}

/* NULL, and said why, when it is none of ours. */
static const struct command *
find_command(int argc, char **argv, struct command_line *line)
{
	const struct command *command;
	int count = argc - optind - 1;

	for (size_t i = 0; count >= 0 && i < COMMANDS; i++) {
		command = &commands[i];
		if (strcmp(argv[optind], command->name) != 0)
			continue;
		if (count < command->least || count > command->most) {
			(void)fprintf(stderr, "usage: bulkheadctl %s %s\n",
			    command->name, command->usage);
			return (NULL);
		}
		line->argument = count > 0 ? argv[optind + 1] : NULL;
		return (command);
	}
	if (count >= 0)
		(void)fprintf(
		    stderr, "bulkheadctl: no command '%s'\n", argv[optind]);
	print_usage(stderr);
	return (NULL);
}

int
main(int argc, char **argv)
{
	struct command_line line;
	const struct command *command;
	char path[PATH_SIZE];

	switch (command_line_parse(argc, argv, &line)) {
	case COMMAND_LINE_HELP:
		print_usage(stdout);
		return (EXIT_OK);
	case COMMAND_LINE_VERSION:
		(void)puts("bulkheadctl " BULKHEAD_VERSION);
		return (EXIT_OK);
	case COMMAND_LINE_WRONG:
		print_usage(stderr);
		return (EXIT_USAGE);
	case COMMAND_LINE_GOOD:
		break;
	}
	command = find_command(argc, argv, &line);
	if (command == NULL)
		return (EXIT_USAGE);
	if (line.control == NULL) {
		if (collect_default_path(path, sizeof(path)) != 0)
			return (
			    command_complain("the default control path is too "
					     "long"));
		line.control = path;
	}
	return (command->run(&line));
}
