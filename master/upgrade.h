/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upgrade: this process executes the program that lies where ours lay, and
 * keeps its pid, its listeners, its workers and its clients.
 *
 *	wanted -> calm -> trial: a child runs the new program on a copy of
 *	                  everything, up to where it would serve
 *	       -> calm -> exec -> the new image takes everything over, and
 *reloads: new workers, from the new program
 *
 * What fails before the exec changes nothing. A new image that can't take over
 * executes the old one, through a descriptor that it was given.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include "master/kept.h"
#include "master/loop.h"

#include <limits.h>
#include <sys/types.h>

enum {
	UPGRADE_TRIAL_MS = 30 * 1000, /* for the trial */
	UPGRADE_CALM_MS = 30 * 1000,  /* for workers to start or to die */
	UPGRADE_LOOK_MS = 10,
	UPGRADE_TEXT = 512,
};

struct master;

/* How this process was started. */
struct program {
	int argc;
	char **argv;
	char path[PATH_MAX]; /* of the file, when it was started */
};

enum upgrade_state {
	UPGRADE_IDLE = 0,
	UPGRADE_WANTED, /* waits until it is calm */
	UPGRADE_TRIED,  /* the child runs */
	UPGRADE_READY,  /* it answered well; waits until it is calm again */
};

struct upgrade {
	struct master *master;
	const struct program *program;
	enum upgrade_state state;
	pid_t pid; /* of the trial */
	int pidfd;
	int answer; /* a pipe: what the trial says */
	struct loop_source death;
	struct loop_timer timer;
	uint64_t until_ns;
};

/* What a process was executed for. */
enum upgrade_mode {
	UPGRADE_NOT = 0,  /* an ordinary start */
	UPGRADE_TRIAL,    /* to try */
	UPGRADE_RESUME,   /* to go on */
	UPGRADE_RETURN,   /* to go on, since the new program can't */
	UPGRADE_NONSENSE, /* the environment can't be understood */
};

struct upgrade_start {
	enum upgrade_mode mode;
	int state;       /* descriptor of what the other image left */
	int answer;      /* TRIAL: the pipe */
	const char *why; /* RETURN: what was wrong with the new one */
};

/*
 * upgrade_program(argc, argv, ret_program): call first in main(), while the
 * file still has its name.
 */
void upgrade_program(int argc, char **argv, struct program *ret_program);

/*
 * upgrade_start(ret_start): what the environment says; it forgets it.
 */
void upgrade_start(struct upgrade_start *ret_start);

/* upgrade_init(master, program): upgrades can be wanted. */
void upgrade_init(struct master *master, const struct program *program);

/*
 * upgrade_want(master, why):
 * Begin. Returns 0, and what becomes of it is logged and told to the clients
 * of the control socket that wait for it; or -errno with the line in ${why}.
 */
int upgrade_want(struct master *master, struct reason *why);

/* upgrade_cancel(master, text): the server stops. None is fine. */
void upgrade_cancel(struct master *master, const char *text);

/*
 * upgrade_return(program, start, kept, text):
 * The new image can't take over: execute the old one. Returns only when that
 * can't be done either, and has said so.
 */
void upgrade_return(const struct program *program,
    const struct upgrade_start *start, const struct kept *kept,
    const char *text);

/* upgrade_answer(start, text): of a trial: why it failed. Others: nothing. */
void upgrade_answer(const struct upgrade_start *start, const char *text);

#endif
