/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways for a process to end, by name.
 */
#ifndef TESTS_CRASH_MODULES_DEATH_H
#define TESTS_CRASH_MODULES_DEATH_H

/*
 * death_by(name, thread): die so, here or in a thread that is waited for.
 * Returns only when there is no way of that name. The ways:
 *
 *	segv abort kill bus overflow smash exit _exit memory
 *	stop loop     for those who watch for hangs; they don't end by
 *themselves
 */
enum death_thread {
	DEATH_HERE,
	DEATH_THREAD
};
void death_by(const char *name, enum death_thread thread);

#endif
