/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which build is this file? The linker's note says.
 */
#ifndef MASTER_BUILD_ID_H
#define MASTER_BUILD_ID_H

enum {
	BUILD_ID_TEXT = 2 * 32 + 1
};

/*
 * build_id_read(path, ret_text):
 * The GNU build id of an ELF file of this machine's kind, in hex. Returns 0,
 * -errno, or -ENOENT with an empty text when it has none.
 */
int build_id_read(const char *path, char ret_text[static BUILD_ID_TEXT]);

#endif
