/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the probe module tells the test program that has loaded it.
 */
#ifndef TESTS_UNIT_WORKER_MODULES_PROBE_H
#define TESTS_UNIT_WORKER_MODULES_PROBE_H

#include <bulkhead/module.h>

/*
 * probe_observe(name, what):
 * Module ${name} is in its "register" or "terminate". Defined by the test.
 */
BH_EXPORT void probe_observe(const char *name, const char *what);

#endif
