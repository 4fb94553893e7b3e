/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One worker's segment, read by collect.c.
 */
#ifndef SHM_CTL_COLLECT_SEGMENT_H
#define SHM_CTL_COLLECT_SEGMENT_H

#include "shm/ctl/collect.h"

/*
 * collect_segment(fd, wants, worker):
 * Copy into ${worker}, whose info and pool are filled in, what its segment
 * says. One that can't be read (-1, corrupt) leaves it not readable. Returns 0
 * or -ENOMEM. The descriptor stays open.
 */
int collect_segment(int fd, unsigned wants, struct collect_worker *worker);

#endif
