/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status page, one HTML document with its style and script inside, made
 * at build time by embed.cmake from the folder page/.
 */
#ifndef SHM_ADMIN_PAGE_H
#define SHM_ADMIN_PAGE_H

#include <stddef.h>

extern const unsigned char page_bytes[];
extern const size_t page_length;

/*
 * Its Content-Security-Policy: this style and this script by their hashes,
 * questions to ourselves, and nothing else.
 */
extern const char page_policy[];

#endif
