/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings of one server. The command line fills them in; a configuration
 * file will fill in the same struct.
 */
#ifndef MASTER_CONFIG_H
#define MASTER_CONFIG_H

#include "master/address.h"
#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONFIG_LISTENERS_MAX = 32,
	CONFIG_SETTINGS_MAX = 64, /* of one module */
	CONFIG_WORKERS_MAX = 256,
};

struct config_module {
	char *given;      /* -m's argument, cut up; owns name and settings */
	const char *file; /* as given: a path, or a name to be looked up */
	const char *name;
	char *path; /* what the worker loads; set by paths_resolve() */
	const char *settings[CONFIG_SETTINGS_MAX]; /* "key=value" */
	size_t setting_count;
	/* The server's own settings: the worker doesn't tell the module. */
	bool optional; /* under quarantine it is skipped: no 503 */
	bool required; /* without it the server doesn't start */
	/* A name that was not given by name= is owned here. */
	char name_storage[SEGMENT_MODULE_NAME];
};

struct config {
	struct address listen[CONFIG_LISTENERS_MAX];
	size_t listen_count;
	struct config_module modules[SEGMENT_MODULES_MAX];
	uint32_t module_count;
	uint32_t workers; /* 0: one for each CPU that is online */
	bool check;       /* -t */
	char *control;    /* path of the control socket */
	char *worker;     /* path of bulkhead-worker */
	int log_level;

	uint32_t slots_max; /* connections, if descriptors allow it */

	/* The settings of settings.def, under -o. */
	uint64_t start_limit_ms; /* from fork to READY */
	uint64_t drain_limit_ms; /* from DRAIN or RETIRE to the worker's end */
	uint64_t spares;
	uint64_t hang_warn_ms;
	uint64_t hang_limit_ms;
	uint64_t hang_grace_ms;
	uint64_t quarantine_crashes;
	uint64_t quarantine_window_ms;
	uint64_t quarantine_release_ms;
	uint64_t recycle_requests;
	uint64_t recycle_age_ms;
	uint64_t recycle_memory;
	uint64_t crash_files;
	char *state_dir; /* set by paths_resolve(); "": no files */
	bool core_dumps;
};

/*
 * config_init(config): no listeners, no modules, the default limits.
 * config_free(config): free what it owns and clear it.
 */
void config_init(struct config *config);
void config_free(struct config *config);

/*
 * config_add_module(config, argument, why):
 * Add the module that -m's ${argument} FILE[,key=value]... describes. Returns
 * 0, or -EINVAL with the line in ${why}, or -ENOMEM.
 */
int config_add_module(
    struct config *config, const char *argument, struct reason *why);

/*
 * config_set_defaults(config):
 * Fill in what a server needs that nobody asked for: a listener, a module,
 * the number of workers. Returns 0 or -ENOMEM.
 */
int config_set_defaults(struct config *config);

#endif
