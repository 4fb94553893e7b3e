/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead, the master process: the order in which it starts and ends.
 */
#include "master/master.h"
#include "master/describe.h"
#include "master/options.h"
#include "master/paths.h"
#include "shm/base/fd.h"
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
	const struct program *line = argument;
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
serve(struct config *config, struct program *line)
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
	if (server_open(master, config, &source, &activation, &why) == 0) {
		upgrade_init(master, line);
		status = server_run(master);
	} else
		log_err("%s", why.text);
	server_close(master);
	free(master);
	return (status);
}

/* The trial: everything but going on. A reload must be possible, too. */
static int
try(struct master *master, const struct config_source *source,
    const struct upgrade_start *start, const struct kept *kept)
{
	struct config *config;
	struct reason why;

	if (source->read(source->argument, &config, &why) == 0) {
		config_free(config);
		if (server_resume(master, source, kept, &why) == 0)
			return (EXIT_SUCCESS);
	}
	upgrade_answer(start, why.text);
	return (EXIT_FAILURE);
}

/* The clients of the control socket hear of it when the reload is over. */
static void
tell_upgrade(struct master *master, const struct upgrade_start *start,
    const struct kept *kept)
{
	int client = (int)kept_number(kept->root, "client", -1);

	if (start->mode == UPGRADE_RETURN) {
		control_resume(&master->control, client, 0);
		control_tell_upgrade(&master->control, -ECANCELED, start->why);
		log_warn("bulkhead " BULKHEAD_VERSION " goes on: not upgraded, "
			 "%s",
		    start->why);
		return;
	}
	log_info("bulkhead " BULKHEAD_VERSION " goes on where bulkhead %s was",
	    kept_text(kept->root, "program"));
	control_resume(&master->control, client, reload_number(master));
	reload_want(master);
}

/* What only an image that couldn't go on would have passed back. */
static void
close_kept(const struct kept *kept, const char *name)
{
	int fd = (int)kept_number(kept->root, name, -1);

	fd_close(&fd);
}

/*
 * Another image of this program has executed us: what it was is ours now. What
 * isn't freed in the end is, with the process.
 */
static int
go_on(struct program *line, const struct upgrade_start *start)
{
	const struct config_source source = { read_config, line };
	struct master *master = malloc(sizeof(*master));
	struct kept kept = { NULL, NULL };
	struct reason why;
	int error, state = start->state, status;

	error = master == NULL || start->mode == UPGRADE_NONSENSE
		    ? reason_set(&why, -EINVAL, "it was executed wrongly")
		    : kept_read(start->state, &kept, &why);
	if (error == 0) {
		kept_pass_on(&kept, false);
		if (start->mode == UPGRADE_TRIAL)
			_exit(try(master, &source, start, &kept));
		error = server_resume(master, &source, &kept, &why);
	}
	if (error != 0) {
		upgrade_answer(start, why.text);
		upgrade_return(line, start, &kept, why.text);
		return (EXIT_FAILURE);
	}
	close_kept(&kept, "old");
	close_kept(&kept, "retired"); /* its contents have been copied */
	fd_close(&state);
	upgrade_init(master, line);
	server_go_on(master);
	tell_upgrade(master, start, &kept);
	kept_free(&kept);
	status = server_run(master);
	server_close(master);
	free(master);
	return (status);
}

int
main(int argc, char **argv)
{
	static struct program line;
	struct upgrade_start start;
	struct config *config;
	struct reason why;
	int wish;

	upgrade_program(argc, argv, &line);
	upgrade_start(&start);
	fill_standard_descriptors();
	log_init("bulkhead", 0);
	if (start.mode != UPGRADE_NOT)
		return (go_on(&line, &start));
	config = config_new();
	if (config == NULL) {
		log_err("out of memory");
		return (EXIT_FAILURE);
	}
	wish = options_parse(argc, argv, config, &why);
	switch (wish) {
	case OPTIONS_RUN:
		log_set_level(config->log_level);
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
