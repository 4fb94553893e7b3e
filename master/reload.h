/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reload: the configuration is read again and a new generation of workers is
 * started beside the one that serves. Only when all of them are READY does
 * anything change, and then all of it at once; if anything fails, nothing does.
 *
 * Reloads come one after the other. One that is asked for while another is on
 * trial begins after it, for all who have asked meanwhile.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RELOAD_GENERATIONS_MAX = 4, /* at once, those that finish included */
};

struct generation;
struct master;

struct reload {
	struct generation *next; /* on trial, or NULL */
	uint32_t number;         /* of the last that has begun, from 1 */
	bool wanted;             /* another one is to begin */
	bool waits;              /* said that it can't yet */
	uint64_t began_ns;
};

/*
 * reload_number(master): the number that the next reload will have; who wants
 * one remembers it before reload_want(), for control_tell_reload().
 */
uint32_t reload_number(const struct master *master);

/*
 * reload_want(master):
 * Begin one now, or as soon as the one before is over and there is room for
 * one more generation. How it ends is logged and told to the clients of the
 * control socket that wait for it, perhaps before this returns.
 */
void reload_want(struct master *master);

/* reload_step(master): begin what is wanted, if it can be now. */
void reload_step(struct master *master);

/* reload_ready(master): all workers on trial serve: switch. */
void reload_ready(struct master *master);

/* reload_fail(master, text): one of them doesn't; the old ones go on. */
void reload_fail(struct master *master, const char *text);

/*
 * reload_cancel(master, text): give up what is on trial or wanted, if there is
 * any, for this reason.
 */
void reload_cancel(struct master *master, const char *text);

#endif
