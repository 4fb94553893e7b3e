/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line.
 */
#ifndef MASTER_OPTIONS_H
#define MASTER_OPTIONS_H

#include "master/config.h"
#include "master/reason.h"

#include <stdio.h>

enum options_wish {
	OPTIONS_RUN,     /* serve, or with -t check: config->check */
	OPTIONS_HELP,    /* -h: options_print_usage() */
	OPTIONS_VERSION, /* -V */
	/* --describe-config: this and an enum describe_format more. */
	OPTIONS_DESCRIBE,
};

/*
 * options_parse(argc, argv, config, why):
 * Read the command line into ${config}, a new one, as one pool called
 * "main", and add the defaults. A reload reads the same arguments again.
 * Returns an options_wish, or -errno with the line in
 * ${why}. Uses getopt_long(3)'s own state: not reentrant.
 */
int options_parse(
    int argc, char **argv, struct config *config, struct reason *why);

/* options_print_usage(out): for -h. */
void options_print_usage(FILE *out);

#endif
