/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which build is this file? The linker's note says.
 */
#ifndef MASTER_BUILD_ID_H
#define MASTER_BUILD_ID_H

#include <stdint.h>

enum {
	BUILD_ID_TEXT = 2 * 32 + 1
};

/*
 * build_id_read(path, ret_text):
 * The GNU build id of an ELF file of this machine's kind, in hex. Returns 0,
 * -errno, or -ENOENT with an empty text when it has none.
 */
int build_id_read(const char *path, char ret_text[static BUILD_ID_TEXT]);

struct config_pool;

/* Those of a pool's modules, as they are when a worker is about to load them.
 */
struct build_ids {
	uint32_t count;
	char texts[][BUILD_ID_TEXT];
};

/*
 * build_ids_new(count): empty texts. build_ids_read(config): those of the files
 * now. Both return NULL without memory; free(3) takes them.
 */
struct build_ids *build_ids_new(uint32_t count);
struct build_ids *build_ids_read(const struct config_pool *config);

/* build_ids_get(builds, module): "" when it isn't known. */
const char *build_ids_get(const struct build_ids *builds, uint32_t module);

#endif
