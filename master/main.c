/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead, the master process: the order in which it starts and ends.
 */
#include "master/master.h"
#include "master/options.h"
#include "master/paths.h"
#include "shm/base/log.h"

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

static int
serve(struct config *config)
{
	struct activation activation;
	struct master *master;
	struct reason why;
	int status = EXIT_FAILURE;

	if (paths_resolve(config, &why) != 0 ||
	    identity_resolve(config, &why) != 0) {
		log_err("%s", why.text);
		return (EXIT_FAILURE);
	}
	master = malloc(sizeof(*master));
	if (master == NULL) {
		log_err("out of memory");
		return (EXIT_FAILURE);
	}
	activation_open(&activation, config);
	if (server_open(master, config, &activation, &why) == 0)
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
	struct config *config = config_new();
	struct reason why;
	int status = EXIT_SUCCESS;

	fill_standard_descriptors();
	log_init("bulkhead", 0);
	if (config == NULL) {
		log_err("out of memory");
		return (EXIT_FAILURE);
	}
	switch (options_parse(argc, argv, config, &why)) {
	case OPTIONS_RUN:
		status = serve(config);
		break;
	case OPTIONS_HELP:
		options_print_usage(stdout);
		break;
	case OPTIONS_VERSION:
		(void)puts("bulkhead " BULKHEAD_VERSION);
		break;
	default:
		log_err("%s", why.text);
		status = EXIT_USAGE;
		break;
	}
	config_free(config);
	return (status);
}
