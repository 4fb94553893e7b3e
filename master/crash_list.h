/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crash reports in the state folder, handed on as open files: whoever
 * reads them needs no right to the folder.
 */
#ifndef MASTER_CRASH_LIST_H
#define MASTER_CRASH_LIST_H

#include "shm/message.h"

enum {
	CRASH_LIST_MOST = 100
};

struct dirent;

struct crash_list {
	struct dirent **names; /* the newest, in their order */
	int count;
	int next;
	int folder; /* -1: closed */
};

/*
 * crash_list_open(list, state_dir):
 * Look which there are; a folder that isn't there has none. Whatever goes
 * wrong makes the list shorter. crash_list_close() when done; a closed one is
 * fine.
 */
void crash_list_open(struct crash_list *list, const char *state_dir);
void crash_list_close(struct crash_list *list);

/*
 * crash_list_take(list, ret_crash):
 * The next report: its descriptor, open for reading and the caller's, or -1
 * when there is none left. One that is gone meanwhile is left out.
 * crash_list_return(list): the last one again, next time.
 */
int crash_list_take(struct crash_list *list, struct message_crash *ret_crash);
void crash_list_return(struct crash_list *list);

#endif
