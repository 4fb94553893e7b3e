/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead, the master process: the order in which it starts and ends.
 */
#include "master/master.h"
#include "master/describe.h"
#include "master/options.h"
#include "master/paths.h"
#include "shm/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	EXIT_USAGE = 2
};

/* Nothing else may get the numbers 0 to 2, least of all a client. */
static void
fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

struct command_line {
	int argc;
	char **argv;
};

/* What the system knows: files, users. */
static int
complete_config(struct config *config, struct reason *why)
{
	int error = paths_resolve(config, why);

	return (error == 0 ? identity_resolve(config, why) : error);
}

/* The same arguments again; files that they name are read anew. */
static int
read_config(void *argument, struct config **ret_config, struct reason *why)
{
	const struct command_line *line = argument;
	struct config *config = config_new();
	int error;

	if (config == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	error = options_parse(line->argc, line->argv, config, why);
	if (error == OPTIONS_RUN)
		error = complete_config(config, why);
	if (error != 0) {
		config_free(config);
		return (error);
	}
	*ret_config = config;
	return (0);
}

/* Takes ${config}. */
static int
serve(struct config *config, struct command_line *line)
{
	const struct config_source source = { read_config, line };
	struct activation activation;
	struct master *master;
	struct reason why;
	int status = EXIT_FAILURE;

	master = malloc(sizeof(*master));
	if (master == NULL || complete_config(config, &why) != 0) {
		log_err("%s", master == NULL ? "out of memory" : why.text);
		config_free(config);
		free(master);
		return (EXIT_FAILURE);
	}
	activation_open(&activation, config);
	if (server_open(master, config, &source, &activation, &why) == 0)
		status = server_run(master);
	else
		log_err("%s", why.text);
	server_close(master);
	free(master);
	return (status);
}

int
main(int argc, char **argv)
{
	struct command_line line = { argc, argv };
	struct config *config;
	struct reason why;
	int wish;

	fill_standard_descriptors();
	log_init("bulkhead", 0);
	config = config_new();
	if (config == NULL) {
		log_err("out of memory");
		return (EXIT_FAILURE);
	}
	wish = options_parse(argc, argv, config, &why);
	switch (wish) {
	case OPTIONS_RUN:
		return (serve(config, &line));
	case OPTIONS_HELP:
		options_print_usage(stdout);
		break;
	case OPTIONS_VERSION:
		(void)puts("bulkhead " BULKHEAD_VERSION);
		break;
	default:
		if (wish >= OPTIONS_DESCRIBE) {
			describe(stdout,
			    (enum describe_format)(wish - OPTIONS_DESCRIBE));
			break;
		}
		log_err("%s", why.text);
		config_free(config);
		return (EXIT_USAGE);
	}
	config_free(config);
	return (EXIT_SUCCESS);
}
