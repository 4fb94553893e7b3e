/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways for a process to end.
 */
#include "death.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	EXIT_STATUS = 3,
	FRAME = 4096,
	SMASHED = 96,           /* bytes written into a buffer of 16 */
	MEMORY_LEFT = 32 << 20, /* until the limit */
	MEMORY_STEP = 1 << 20,
};

/* The compiler doesn't know what these are. */
static volatile uintptr_t nowhere = 8;
static volatile size_t smashed = SMASHED;
static volatile unsigned depth_max = UINT32_MAX;

static void
die_segv(void)
{
	*(volatile char *)nowhere = 1;
}

static void
die_abort(void)
{
	abort();
}

static void
die_kill(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause(); /* another thread may get it first */
}

static void
die_bus(void)
{
	volatile char *page;
	int fd;

	if ((fd = memfd_create("bus", MFD_CLOEXEC)) == -1 ||
	    ftruncate(fd, FRAME) == -1)
		return;
	page = mmap(NULL, FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || ftruncate(fd, 0) == -1)
		return;
	*page = 1;
}

/* Deep enough for every stack; never a tail call. */
static unsigned
recurse(unsigned depth)
{
	volatile char frame[FRAME];

	frame[0] = (char)depth;
	frame[FRAME - 1] = frame[0];
	if (depth == depth_max)
		return (0);
	return (recurse(depth + 1) + (unsigned)frame[FRAME - 1]);
}

static void
die_overflow(void)
{
	depth_max = recurse(0);
}

static void
die_smash(void)
{
	char buffer[16];
	volatile char *at = buffer;
	size_t i;

	for (i = 0; i < smashed; i++)
		at[i] = 'x';
}

static void
die_exit(void)
{
	exit(EXIT_STATUS);
}

static void
die_exit_now(void)
{
	_exit(EXIT_STATUS);
}

/* As a careless program ends when memory does: malloc() fails, abort(). */
static void
die_memory(void)
{
	struct rlimit limit;
	unsigned long pages = 0;
	char *block;
	FILE *file;

	if ((file = fopen("/proc/self/statm", "re")) == NULL)
		return;
	if (fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	(void)fclose(file);
	(void)getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_LEFT;
	(void)setrlimit(RLIMIT_AS, &limit);
	while ((block = malloc(MEMORY_STEP)) != NULL)
		memset(block, 1, MEMORY_STEP);
	abort();
}

static void
stop_here(void)
{
	(void)raise(SIGSTOP);
}

static void
loop_here(void)
{
	volatile unsigned turns = 0;

	for (;;)
		turns++;
}

static const struct way {
	const char *name;
	void (*die)(void);
} ways[] = {
	{ "segv", die_segv },
	{ "abort", die_abort },
	{ "kill", die_kill },
	{ "bus", die_bus },
	{ "overflow", die_overflow },
	{ "smash", die_smash },
	{ "exit", die_exit },
	{ "_exit", die_exit_now },
	{ "memory", die_memory },
	{ "stop", stop_here },
	{ "loop", loop_here },
};

static void *
die_in_thread(void *way)
{
	((const struct way *)way)->die();
	return (NULL);
}

void
death_by(const char *name, enum death_thread thread)
{
	pthread_t id;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, name) != 0)
			continue;
		if (thread == DEATH_HERE)
			ways[i].die();
		else if (pthread_create(&id, NULL, die_in_thread,
			     (void *)(uintptr_t)&ways[i]) == 0)
			(void)pthread_join(id, NULL);
	}
}
