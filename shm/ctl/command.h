/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of bulkheadctl: a function each, in files by family.
 */
#ifndef SHM_CTL_COMMAND_H
#define SHM_CTL_COMMAND_H

#include "shm/ctl/views.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status: stable, and in README.md. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_SERVER = 1, /* the server can't be asked, or said no */
	EXIT_USAGE = 2,  /* the command line is wrong */
};

enum {
	COMMAND_ERROR_SIZE = 8192,
};

/* What was asked for. */
struct command_line {
	const char *control;   /* never NULL once a command runs */
	const char *state_dir; /* NULL: the server knows */
	const char *argument;  /* or NULL */
	bool json;
	bool prometheus;
	bool follow;               /* again and again */
	bool once;                 /* top: not on the whole screen */
	uint64_t interval_ms;      /* between two looks; 0: as usual */
	uint64_t count;            /* of completions */
	struct view_filter filter; /* of requests */
};

enum command_line_verdict {
	COMMAND_LINE_GOOD,
	COMMAND_LINE_HELP,
	COMMAND_LINE_VERSION,
	COMMAND_LINE_WRONG, /* and said why */
};

/*
 * command_line_parse(argc, argv, ret_line):
 * Take the options, wherever they stand; what isn't one is left behind optind.
 */
enum command_line_verdict command_line_parse(
    int argc, char **argv, struct command_line *ret_line);

/*
 * command_line_time(text, ret_ns): "250ms", "1.5s", "3" (seconds), "2min";
 * false for anything else, or more than some days.
 */
bool command_line_time(const char *text, uint64_t *ret_ns);

/* command_complain(text): on stderr, for the operator. EXIT_SERVER. */
int command_complain(const char *text);

/* command_misuse(text): the same for a wrong command line. EXIT_USAGE. */
int command_misuse(const char *text);

/* command_written(status): of a renderer: the exit status for it. */
int command_written(int status);

/* show.c: what there is now. */
int command_status(const struct command_line *line);
int command_stats(const struct command_line *line);
int command_workers(const struct command_line *line);
int command_modules(const struct command_line *line);
int command_completions(const struct command_line *line);

/* show_requests.c: what is being done for whom. */
int command_requests(const struct command_line *line);

/* top.c: all of it, on the whole screen. */
int command_top(const struct command_line *line);

/* show_crashes.c: the reports. */
int command_crashes(const struct command_line *line);

/* act.c: what the master does for its operator. */
int command_quarantine(const struct command_line *line);
int command_release(const struct command_line *line);
int command_log_level(const struct command_line *line);
int command_drain(const struct command_line *line);
int command_recycle(const struct command_line *line);
int command_reopen(const struct command_line *line);
int command_reload(const struct command_line *line);
int command_upgrade(const struct command_line *line);

#endif
