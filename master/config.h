/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one server is to be: its listeners, its pools and its own settings. The
 * command line fills it in; a configuration file fills in the same structs.
 *
 * It owns all that it points to, and it is replaced as a whole at a reload: the
 * old one is freed when the last worker that was started from it is gone. So
 * what outlives a generation copies, and points to nothing in here.
 */
#ifndef MASTER_CONFIG_H
#define MASTER_CONFIG_H

#include "master/address.h"
#include "master/identity.h"
#include "shm/layout.h"
#include "shm/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONFIG_LISTENERS_MAX = 32,
	CONFIG_POOLS_MAX = 16,
	CONFIG_POOL_NAME = MESSAGE_POOL_NAME, /* with its NUL */
	CONFIG_SETTINGS_MAX = 64,             /* of one module */
	CONFIG_WORKERS_MAX = 256,             /* of one pool */
	CONFIG_SITES_MAX = 1024,
};
#define CONFIG_UNSET UINT64_MAX /* a number that nobody gave */

struct config_list {
	char **items;
	size_t count;
};

struct config_module {
	char *given;       /* -m's argument, cut up; owns name and settings */
	size_t given_size; /* to be wiped: settings may be secrets */
	const char *file;  /* as given: a path, or a name to be looked up */
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

/*
 * Workers that run the same modules with the same limits. The numbers are
 * settings.def's, with the scope POOL.
 */
struct config_pool {
	char *name;
	uint32_t workers; /* 0: one for each CPU that is online */
	struct config_module modules[SEGMENT_MODULES_MAX];
	uint32_t module_count;

	uint64_t spares;
	uint64_t start_limit_ms; /* from fork to READY */
	uint64_t drain_limit_ms; /* from DRAIN or RETIRE to the worker's end */
	uint64_t hang_warn_ms;
	uint64_t hang_limit_ms;
	uint64_t hang_grace_ms;
	uint64_t quarantine_crashes;
	uint64_t quarantine_window_ms;
	uint64_t quarantine_release_ms;
	uint64_t recycle_requests;
	uint64_t recycle_age_ms;
	uint64_t recycle_memory;
	bool core_dumps;
	bool strict_hosts;            /* 421 for hosts that no site has */
	struct message_limits limits; /* what its workers are told */

	char *access_log;        /* see access_log.h; NULL: none */
	char *access_log_format; /* NULL: combined */

	char *user;               /* NULL: the master's own; see identity.h */
	char *group;              /* NULL: the user's */
	struct identity identity; /* what they come to */
	struct message_sandbox sandbox;
	char *sandbox_syscalls; /* words with spaces between; or NULL */
	char *sandbox_read;
	char *sandbox_write;
};

/* What becomes of the requests under a path of a site. */
struct config_rule {
	char *path;                 /* "/": the site's own */
	struct config_list modules; /* names; none: all of the pool */
	uint32_t module_mask;       /* the same: a bit each */
	int modules_line;           /* where the names stood, for messages */
	/* CONFIG_UNSET: the pool's limits, and no refusal. */
	uint64_t body_max;
	uint64_t pending_limit_ms;
	uint64_t deny;  /* answer this status */
	char *redirect; /* NULL, or the status and the URL */
};

/* The hosts that a pool's workers answer for in their own way. */
struct config_site {
	char *name;
	char *pool_name;
	uint32_t pool;             /* index of pools */
	struct config_list hosts;  /* names, "*.name", or "*" for all others */
	struct config_rule *rules; /* the first is the site's own */
	size_t rule_count;
};

struct config_listener {
	struct address address;
	uint32_t pool; /* whose connections these are: an index of pools */
};

struct config {
	struct config_listener listeners[CONFIG_LISTENERS_MAX];
	size_t listener_count;
	bool listeners_default; /* nobody has asked for them */
	struct config_pool *pools[CONFIG_POOLS_MAX];
	uint32_t pool_count;
	struct config_site *sites[CONFIG_SITES_MAX];
	uint32_t site_count;
	bool check;          /* -t */
	char *control;       /* path of the control socket */
	char *worker;        /* path of bulkhead-worker */
	char *admin_program; /* path of bulkhead-admin; NULL: not wanted */
	int log_level;
	uint32_t slots_max; /* connections, if descriptors allow it */

	/* settings.def's, with the scope SERVER. */
	uint64_t crash_files;
	uint64_t drain_wait_ms;
	char *control_group; /* NULL: the master's own */
	char *state_dir;     /* set by paths_resolve(); "": no files */
	char *admin; /* where bulkhead-admin listens; NULL: it isn't started */
};

/*
 * Where a configuration comes from, the first time and at each reload: read()
 * makes a whole one, paths resolved. Returns 0, or -errno with the line in
 * ${why}. NULL: there is nothing to read again.
 */
struct config_source {
	int (*read)(
	    void *argument, struct config **ret_config, struct reason *why);
	void *argument;
};

/*
 * config_new(): no listeners, no pools, the server's default settings. NULL
 * when there is no memory.
 */
struct config *config_new(void);

/* config_free(config): with all that it owns. NULL is fine. */
void config_free(struct config *config);

/*
 * config_add_pool(config, name, ret_pool, why):
 * Add a pool with the default settings, without modules. Returns 0, -EINVAL
 * with the line in ${why}, or -ENOMEM.
 */
int config_add_pool(struct config *config, const char *name,
    struct config_pool **ret_pool, struct reason *why);

/*
 * config_pool_new(): a pool with the default settings and no name, that is in
 * no configuration; or NULL. config_pool_free(pool): and all that it owns.
 * config_adopt_pool(config, name, pool, why): add it. When that fails it is
 * still the caller's; the return value is config_add_pool()'s.
 */
struct config_pool *config_pool_new(void);
void config_pool_free(struct config_pool *pool);
int config_adopt_pool(struct config *config, const char *name,
    struct config_pool *pool, struct reason *why);

/*
 * config_add_module_parts(pool, name, file, settings, why):
 * Add a module by its parts; the settings are "key=value" and may be the
 * server's own. Copies them. Returns as config_add_module().
 */
int config_add_module_parts(struct config_pool *pool, const char *name,
    const char *file, const struct config_list *settings, struct reason *why);

/*
 * config_add_module(pool, argument, why):
 * Add the module that -m's ${argument} FILE[,key=value]... describes. Returns
 * 0, or -EINVAL with the line in ${why}, or -ENOMEM.
 */
int config_add_module(
    struct config_pool *pool, const char *argument, struct reason *why);

/*
 * config_set_defaults(config):
 * Fill in what a server needs that nobody asked for: a pool, a listener, each
 * pool's number of workers, a module for the only pool. Returns 0 or -ENOMEM.
 */
int config_set_defaults(struct config *config);

#endif
