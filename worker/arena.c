/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request memory. Runs in a worker, on its dispatch thread.
 */
#include "worker/arena.h"

#include "worker/meter.h"

#include <stdlib.h>
#include <string.h>

static const size_t alignment = _Alignof(max_align_t);

void
arena_init(struct arena *arena)
{
	arena->chunks = NULL;
	arena->at = arena->first;
	arena->end = arena->first + ARENA_INLINE;
}

void
arena_reset(struct arena *arena)
{
	struct arena_chunk *chunk;

	while ((chunk = arena->chunks) != NULL) {
		arena->chunks = chunk->next;
		meter_free(chunk);
	}
	arena_init(arena);
}

/* A new chunk of at least ${size} bytes; a big one serves only its caller. */
static void *
grow(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;
	size_t room = size > ARENA_CHUNK / 4 ? size : ARENA_CHUNK;

	if (room > SIZE_MAX - sizeof(*chunk) ||
	    (chunk = meter_malloc(sizeof(*chunk) + room)) == NULL)
		return (NULL);
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	if (room == ARENA_CHUNK) {
		arena->at = chunk->bytes + size;
		arena->end = chunk->bytes + room;
	}
	return (chunk->bytes);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *bytes = arena->at;

	if (size > SIZE_MAX - alignment)
		return (NULL);
	size = (size + alignment - 1) & ~(alignment - 1);
	if (size > (size_t)(arena->end - arena->at))
		return (grow(arena, size));
	arena->at += size;
	return (bytes);
}

char *
arena_copy(struct arena *arena, const char *bytes, size_t length)
{
	char *copy;

	if (length == SIZE_MAX ||
	    (copy = arena_alloc(arena, length + 1)) == NULL)
		return (NULL);
	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return (copy);
}
