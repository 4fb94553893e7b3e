/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that lives as long as its request: a bump allocator whose first
 * bytes are part of it, so an ordinary request allocates nothing.
 */
#ifndef WORKER_ARENA_H
#define WORKER_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum {
	ARENA_INLINE = 2048,
	ARENA_CHUNK = 8192
};

struct arena_chunk {
	struct arena_chunk *next;
	_Alignas(max_align_t) uint8_t bytes[];
};

struct arena {
	struct arena_chunk *chunks;
	uint8_t *at, *end;
	_Alignas(max_align_t) uint8_t first[ARENA_INLINE];
};

/* arena_init(arena): empty, nothing allocated. */
void arena_init(struct arena *arena);

/* arena_reset(arena): free what was allocated; empty again. */
void arena_reset(struct arena *arena);

/* arena_alloc(arena, size): aligned for any type; NULL when there is none. */
void *arena_alloc(struct arena *arena, size_t size);

/* arena_copy(arena, bytes, length): a copy with a NUL after it, or NULL. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length);

#endif
