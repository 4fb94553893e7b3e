/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new version of the program that passes its trial and can't go on: it
 * executes the old one, as the product does when its start fails.
 */
#include "master/upgrade.h"

#include <stdlib.h>

int
main(int argc, char **argv)
{
	static struct program program;
	struct upgrade_start start;
	struct kept kept;
	struct reason why;

	upgrade_program(argc, argv, &program);
	upgrade_start(&start);
	if (start.mode == UPGRADE_TRIAL)
		return (EXIT_SUCCESS);
	if (kept_read(start.state, &kept, &why) == 0) {
		kept_pass_on(&kept, false);
		upgrade_return(&program, &start, &kept, "it isn't able to");
	}
	return (EXIT_FAILURE);
}
