/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server in a few lines: the head of top.
 */
#ifndef SHM_CTL_SUMMARY_H
#define SHM_CTL_SUMMARY_H

#include "shm/ctl/collect.h"

enum {
	SUMMARY_LINES = 4,
	SUMMARY_WIDTH = 512,
};

/*
 * summary_make(now, before, ret_lines):
 * ${before} may be NULL; with it rates and quantiles are those since then.
 */
void summary_make(const struct collect_status *now,
    const struct collect_status *before,
    char ret_lines[SUMMARY_LINES][SUMMARY_WIDTH]);

#endif
