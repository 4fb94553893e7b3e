/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of bulkheadctl. They belong to the commands that the usage names
 * them with; with another they mean nothing.
 */
#include "shm/ctl/command.h"

#include "shm/base/clock.h"

#include <bsd/stdlib.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	INTERVAL_MIN_MS = 1,
	COUNT = 24,
	/* Options without a letter of their own. */
	OPTION_PROMETHEUS = 256,
	OPTION_WORKER,
	OPTION_MODULE,
	OPTION_CLIENT,
	OPTION_MIN_TIME,
	OPTION_ONCE,
};

bool
command_line_time(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "", 1e9 },
		{ "us", 1e3 },
		{ "ms", 1e6 },
		{ "s", 1e9 },
		{ "min", 60e9 },
	};
	char *end;
	double value = strtod(text, &end);
	size_t i;

	if (end == text || !(value >= 0) || value > 1e6)
		return (false);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].name) == 0) {
			*ret_ns = (uint64_t)(value * units[i].ns);
			return (true);
		}
	return (false);
}

static enum command_line_verdict
wrong(const char *option, const char *value, const char *want)
{
	(void)fprintf(
	    stderr, "bulkheadctl: %s '%s': it takes %s\n", option, value, want);
	return (COMMAND_LINE_WRONG);
}

static enum command_line_verdict
take_interval(struct command_line *line)
{
	uint64_t ns;

	if (!command_line_time(optarg, &ns) ||
	    ns / CLOCK_NS_PER_MS < INTERVAL_MIN_MS)
		return (wrong("--interval", optarg,
		    "a time of at least 1ms, such as 500ms or 2s"));
	line->interval_ms = ns / CLOCK_NS_PER_MS;
	return (COMMAND_LINE_GOOD);
}

static enum command_line_verdict
take_number(const char *option, uint64_t most, uint64_t *ret_number)
{
	const char *error = NULL;
	char want[64];

	*ret_number = (uint64_t)strtonum(optarg, 1, (long long)most, &error);
	if (error == NULL)
		return (COMMAND_LINE_GOOD);
	(void)snprintf(want, sizeof(want), "a number from 1 to %llu",
	    (unsigned long long)most);
	return (wrong(option, optarg, want));
}

static enum command_line_verdict
take_filter(int option, struct view_filter *filter)
{
	enum command_line_verdict verdict = COMMAND_LINE_GOOD;
	uint64_t number;

	switch (option) {
	case OPTION_WORKER:
		verdict = take_number("--worker", UINT32_MAX, &number);
		filter->worker = (uint32_t)number;
		break;
	case OPTION_MODULE:
		filter->module = optarg;
		break;
	case OPTION_CLIENT:
		filter->client = optarg;
		break;
	default:
		if (!command_line_time(optarg, &filter->min_ns))
			verdict = wrong("--min-time", optarg,
			    "a time, such as 50ms or 1.5s");
		break;
	}
	return (verdict);
}

static enum command_line_verdict
take_option(int option, struct command_line *line)
{
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
	case 'f':
		line->follow = true;
		break;
	case OPTION_PROMETHEUS:
		line->prometheus = true;
		break;
	case OPTION_ONCE:
		line->once = true;
		break;
	case 'i':
		return (take_interval(line));
	case 'n':
		return (take_number("--count", 1024, &line->count));
	case 'h':
		return (COMMAND_LINE_HELP);
	case 'V':
		return (COMMAND_LINE_VERSION);
	case '?': /* getopt_long has named it */
		return (COMMAND_LINE_WRONG);
	default:
		return (take_filter(option, &line->filter));
	}
	return (COMMAND_LINE_GOOD);
}

enum command_line_verdict
command_line_parse(int argc, char **argv, struct command_line *ret_line)
{
	static const struct option options[] = {
		{ "control", required_argument, NULL, 'c' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "prometheus", no_argument, NULL, OPTION_PROMETHEUS },
		{ "follow", no_argument, NULL, 'f' },
		{ "interval", required_argument, NULL, 'i' },
		{ "once", no_argument, NULL, OPTION_ONCE },
		{ "count", required_argument, NULL, 'n' },
		{ "worker", required_argument, NULL, OPTION_WORKER },
		{ "module", required_argument, NULL, OPTION_MODULE },
		{ "client", required_argument, NULL, OPTION_CLIENT },
		{ "min-time", required_argument, NULL, OPTION_MIN_TIME },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	enum command_line_verdict verdict;
	int option;

	*ret_line = (struct command_line){
		.count = COUNT,
	};
	/* glibc reorders the arguments: options may follow the command. */
	while ((option = getopt_long(
		    argc, argv, "c:s:jfi:n:hV", options, NULL)) != -1) {
		verdict = take_option(option, ret_line);
		if (verdict != COMMAND_LINE_GOOD)
			return (verdict);
	}
	return (COMMAND_LINE_GOOD);
}
