/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collected status as a table for people or as JSON for programs.
 */
#ifndef SHM_CTL_RENDER_H
#define SHM_CTL_RENDER_H

#include "shm/ctl/collect.h"

#include <stdio.h>

/* render_text(status, out): 0, or -errno when ${out} can't be written. */
int render_text(const struct collect_status *status, FILE *out);

/*
 * render_json(status, out): one object; its names are stable. 0, -ENOMEM, or
 * -errno when ${out} can't be written.
 */
int render_json(const struct collect_status *status, FILE *out);

#endif
