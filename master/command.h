/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bulkheadctl can have the server do.
 */
#ifndef MASTER_COMMAND_H
#define MASTER_COMMAND_H

#include "shm/message.h"

struct master;

/* command_log_level(master, level): from now on, here and in all workers. */
void command_log_level(struct master *master, int level);

/*
 * command_run(master, command, ret_answer):
 * Follow ${command}, whose text may hold anything, and say what was done or
 * why not.
 */
void command_run(struct master *master, const struct message_command *command,
    struct message_answer *ret_answer);

#endif
