/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The retired block. The master writes, monitors read; between them is a
 * sequence lock, whose reader gives up after some tries.
 */
#include "shm/retired.h"

#include "shm/base/fd.h"

#include <bsd/string.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	READ_TRIES = 64, /* folding takes some microseconds, and is rare */
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
};

/* A counter of events or bytes doesn't come so far: garbage. */
static const uint64_t too_much = UINT64_C(1) << 60;

/*
 * Map it for us, then seal it: monitors of our own user could open it again
 * for writing, and we go by what is in it.
 */
static int
map(struct retired *retired)
{
	char path[32];
	void *memory;

	memory = mmap(NULL, sizeof(struct retired_memory),
	    PROT_READ | PROT_WRITE, MAP_SHARED, retired->fd, 0);
	if (memory == MAP_FAILED)
		return (-errno);
	retired->memory = memory;
	if (fcntl(retired->fd, F_ADD_SEALS, SEALS) == -1)
		return (-errno);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", retired->fd);
	retired->ro = open(path, O_RDONLY | O_CLOEXEC);
	return (retired->ro == -1 ? -errno : 0);
}

int
retired_create(struct retired *retired)
{
	int error = 0;

	*retired = (struct retired){ .ro = -1 };
	retired->fd =
	    memfd_create("bulkhead-retired", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (retired->fd == -1)
		return (-errno);
	if (fchmod(retired->fd, 0600) == -1 ||
	    ftruncate(retired->fd, sizeof(struct retired_memory)) == -1)
		error = -errno;
	if (error == 0)
		error = fd_allocate(retired->fd, sizeof(struct retired_memory));
	if (error == 0)
		error = map(retired);
	if (error != 0) {
		retired_close(retired);
		return (error);
	}
	retired->memory->magic = RETIRED_MAGIC;
	retired->memory->worker_words = WORKER_STATS;
	retired->memory->module_words = MODULE_STATS;
	return (0);
}

/* Is this a file whose pages are there and whose words are where we think? */
static int
check(int fd)
{
	struct stat status;
	uint64_t magic;
	uint32_t words[2];
	int seals;

	if (fstat(fd, &status) == -1 || (seals = fcntl(fd, F_GET_SEALS)) == -1)
		return (-errno);
	if ((seals & F_SEAL_SHRINK) == 0 ||
	    status.st_size != sizeof(struct retired_memory) ||
	    pread(fd, &magic, sizeof(magic), 0) != sizeof(magic) ||
	    pread(fd, words, sizeof(words), sizeof(magic)) != sizeof(words) ||
	    magic != RETIRED_MAGIC || words[0] != WORKER_STATS ||
	    words[1] != MODULE_STATS)
		return (-EPROTO);
	return (0);
}

/* Names are ours to end: printable ones, as segment_module_name() gives. */
static void
mend_name(char *name, size_t size)
{
	size_t i;

	name[size - 1] = '\0';
	for (i = 0; name[i] != '\0'; i++)
		if (!isprint((unsigned char)name[i]))
			name[i] = '?';
}

/* ${old} is a private copy and may hold anything. */
static void
take_contents(struct retired *retired, struct retired_memory *old)
{
	struct retired_memory *memory = retired->memory;
	uint32_t i, count = old->count;

	if (count > RETIRED_BLOCKS)
		count = RETIRED_BLOCKS;
	for (i = 0; i < count; i++) {
		mend_name(old->blocks[i].pool, sizeof(old->blocks[i].pool));
		mend_name(old->blocks[i].module, sizeof(old->blocks[i].module));
	}
	memcpy(memory->blocks, old->blocks, count * sizeof(*old->blocks));
	memcpy(memory->recent, old->recent, sizeof(memory->recent));
	memory->folded = old->folded;
	memory->count = retired->count = count;
}

int
retired_take_over(struct retired *retired, int fd)
{
	struct retired_memory *old;
	int error;

	*retired = (struct retired){ .fd = -1, .ro = -1 };
	if ((error = check(fd)) != 0)
		return (error);
	if ((old = malloc(sizeof(*old))) == NULL)
		return (-ENOMEM);
	/* Read and not mapped: it may have holes, and nobody can change this.
	 */
	if (pread(fd, old, sizeof(*old), 0) != (ssize_t)sizeof(*old))
		error = -EIO;
	else
		error = retired_create(retired);
	if (error == 0)
		take_contents(retired, old);
	free(old);
	return (error);
}

void
retired_close(struct retired *retired)
{
	if (retired->memory != NULL)
		(void)munmap(retired->memory, sizeof(*retired->memory));
	else if (retired->fd == 0)
		return; /* cleared: it never was */
	fd_close(&retired->ro);
	fd_close(&retired->fd);
	*retired = (struct retired){ .memory = NULL, .fd = -1, .ro = -1 };
}

/* A name of ${size} bytes in the block is ${name}, or as much of it. */
static bool
is_name(const char *in_block, const char *name, size_t size)
{
	return (strncmp(in_block, name, size - 1) == 0);
}

static struct retired_block *
find_block(struct retired *retired, const char *pool, const char *module)
{
	struct retired_memory *memory = retired->memory;
	struct retired_block *block;
	uint32_t i;

	for (i = 0; i < retired->count; i++) {
		block = &memory->blocks[i];
		if (is_name(block->pool, pool, sizeof(block->pool)) &&
		    is_name(block->module, module, sizeof(block->module)))
			return (block);
	}
	if (retired->count >= RETIRED_BLOCKS)
		return (NULL);
	block = &memory->blocks[retired->count++];
	(void)strlcpy(block->pool, pool, sizeof(block->pool));
	(void)strlcpy(block->module, module, sizeof(block->module));
	atomic_store_explicit(
	    &memory->count, retired->count, memory_order_release);
	return (block);
}

/* A figure that we don't know, of a newer worker, may be a gauge, too. */
static bool
is_counted(bool module, uint32_t word)
{
	if (word >= (module ? (uint32_t)MODULE_STAT_histograms
			    : (uint32_t)STAT_completions))
		return (true);
	if (module)
		return (word < MODULE_FIGURES &&
			module_stat_info[word].kind != STAT_GAUGE);
	return (
	    word < WORKER_FIGURES && worker_stat_info[word].kind != STAT_GAUGE);
}

/* Add block ${module} of the segment (-1: the worker's own). */
static bool
fold_block(struct retired *retired, const struct segment *segment, int module,
    const char *pool)
{
	const uint32_t words = module < 0 ? WORKER_STATS : MODULE_STATS;
	char name[SEGMENT_MODULE_NAME] = "";
	struct retired_block *block;
	uint64_t value;
	uint32_t i;

	if (module >= 0)
		segment_module_name(segment, (uint32_t)module, name);
	block = find_block(retired, pool, name);
	if (block == NULL)
		return (false);
	for (i = 0; i < words; i++) {
		/* A process that is gone has freed all that it had. */
		value = stats_read(segment, module,
		    module >= 0 && i == MODULE_STAT_freed
			? (uint32_t)MODULE_STAT_allocated
			: i);
		if (value < too_much && is_counted(module >= 0, i))
			/* Release: behind the sequence's odd number. */
			atomic_store_explicit(&block->words[i],
			    atomic_load_explicit(
				&block->words[i], memory_order_relaxed) +
				value,
			    memory_order_release);
	}
	return (true);
}

bool
retired_fold(
    struct retired *retired, const struct segment *segment, const char *pool)
{
	struct retired_memory *memory = retired->memory;
	uint64_t folded, sequence;
	uint32_t modules = segment->geometry.modules;
	bool all;
	uint32_t i;

	if (memory == NULL || segment->stats == NULL)
		return (true);
	sequence =
	    atomic_load_explicit(&memory->sequence, memory_order_relaxed);
	atomic_store_explicit(
	    &memory->sequence, sequence + 1, memory_order_relaxed);
	all = fold_block(retired, segment, -1, pool);
	for (i = 0; i < modules; i++)
		all = fold_block(retired, segment, (int)i, pool) && all;
	folded = atomic_load_explicit(&memory->folded, memory_order_relaxed);
	atomic_store_explicit(&memory->recent[folded % RETIRED_RECENT],
	    segment->incarnation, memory_order_release);
	atomic_store_explicit(
	    &memory->folded, folded + 1, memory_order_release);
	/* Whole again; pairs with the acquire in retired_read(). */
	atomic_store_explicit(
	    &memory->sequence, sequence + 2, memory_order_release);
	return (all);
}

/* Of ${size} bytes, whether they end with a NUL or not. */
static void
copy_name(char *to, const char *from, size_t size)
{
	memcpy(to, from, size - 1);
	to[size - 1] = '\0';
}

static void
copy_blocks(const struct retired_memory *memory, struct retired_copy *copy)
{
	const struct retired_block *from;
	struct retired_block *to;
	uint32_t i, k;

	for (i = 0; i < RETIRED_RECENT; i++)
		copy->recent[i] = atomic_load_explicit(
		    &memory->recent[i], memory_order_acquire);
	copy->count =
	    atomic_load_explicit(&memory->count, memory_order_acquire);
	if (copy->count > RETIRED_BLOCKS)
		copy->count = RETIRED_BLOCKS;
	for (i = 0; i < copy->count; i++) {
		from = &memory->blocks[i];
		to = &copy->blocks[i];
		copy_name(to->pool, from->pool, sizeof(to->pool));
		copy_name(to->module, from->module, sizeof(to->module));
		for (k = 0; k < RETIRED_WORDS; k++)
			to->words[k] = atomic_load_explicit(
			    &from->words[k], memory_order_acquire);
	}
}

static int
copy_whole(const struct retired_memory *memory, struct retired_copy *copy)
{
	uint64_t sequence;
	int tries;

	for (tries = 0; tries < READ_TRIES; tries++) {
		/* Pairs with the release in retired_fold(). */
		sequence = atomic_load_explicit(
		    &memory->sequence, memory_order_acquire);
		if (sequence % 2 != 0)
			continue;
		copy_blocks(memory, copy);
		if (atomic_load_explicit(
			&memory->sequence, memory_order_relaxed) == sequence)
			return (0);
	}
	return (-EAGAIN);
}

int
retired_read(int fd, struct retired_copy *ret_copy)
{
	void *memory;
	int error;

	memset(ret_copy, 0, sizeof(*ret_copy));
	if ((error = check(fd)) != 0)
		return (error);
	memory = mmap(
	    NULL, sizeof(struct retired_memory), PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return (-errno);
	/* Untouched pages of a big allocation cost nothing. */
	ret_copy->blocks = calloc(RETIRED_BLOCKS, sizeof(*ret_copy->blocks));
	error =
	    ret_copy->blocks == NULL ? -ENOMEM : copy_whole(memory, ret_copy);
	(void)munmap(memory, sizeof(struct retired_memory));
	if (error != 0)
		retired_copy_free(ret_copy);
	return (error);
}

void
retired_copy_free(struct retired_copy *copy)
{
	free(copy->blocks);
	copy->blocks = NULL;
	copy->count = 0;
}

bool
retired_has(const struct retired_copy *copy, uint32_t incarnation)
{
	uint32_t i;

	for (i = 0; i < RETIRED_RECENT; i++)
		if (copy->recent[i] == incarnation && incarnation != 0)
			return (true);
	return (false);
}
