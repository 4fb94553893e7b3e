/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modules of a worker: loading them, and the order in which the pipeline
 * calls them.
 */
#ifndef WORKER_MODULE_H
#define WORKER_MODULE_H

#include "shm/segment.h"

#include <bulkhead/module.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	RQ_COUNT = 12,             /* deterministic notifications */
	STEP_COUNT = 2 * RQ_COUNT, /* each with its post variant */
	MODULE_SETTINGS_MAX = 64,
};

struct module_setting {
	const char *key;
	const char *value;
	bool asked; /* the module knows it */
};

/* One module. The public struct bh_registration is this. */
struct bh_registration {
	uint32_t id; /* its place in the segment's header, from 0 */
	const char *name;
	const char *path;
	void *handle;                   /* of dlopen */
	uintptr_t text_start, text_end; /* to name a caller by its address */
	const struct bh_module_ops *ops;
	void *self; /* the module pointer of its registration */
	uint32_t notifications, post_notifications;
	uint8_t priority[STEP_COUNT]; /* enum bh_priority */
	struct module_setting settings[MODULE_SETTINGS_MAX];
	size_t setting_count;
	char asked[512]; /* the keys it asked for, each with its NUL; those
			    that fit */
	size_t asked_size;
	const char *scope; /* requests it takes part in: path, or NULL: all */
	size_t scope_length;
	bool optional;   /* in quarantine it is skipped, not missed */
	bool registered; /* its bh_register_module() returned 0 */
	bool failed;     /* a registration call was refused */
	char error[512]; /* what bh_registration_error() said, or the refusal */
	_Atomic uint64_t *stats; /* its block of figures in the segment */
};

/* One call of the pipeline. */
struct pipeline_call {
	struct bh_registration *module;
	bh_notification_fn *callback;
	uint32_t step; /* 2 * notification bit + post */
};

/* All modules, and their calls in pipeline order. */
struct modules {
	struct bh_registration *list;
	size_t count;
	struct pipeline_call *calls;
	size_t call_count;
	size_t log_call; /* index of the first call of BH_RQ_LOG_REQUEST's step
			    or later: where BH_FINISH_REQUEST goes on */
	uint32_t quarantined;   /* a bit a module: not to be called */
	uint32_t retry_after_s; /* for those whose request needs one */
	char *strings; /* the boot message's list, which settings point into */
	struct activity *activity; /* the dispatch thread's, since the load */
};

/*
 * modules_parse(modules, strings, size, count):
 * Take the boot message's list (see shm/message.h; copied): paths, names and
 * settings of ${count} modules. Returns 0, -EBADMSG or -ENOMEM.
 */
int modules_parse(
    struct modules *modules, const char *strings, size_t size, size_t count);

/*
 * modules_load(modules, segment, ret_error, error_size):
 * dlopen(3) each module, check its ABI stamp, call its bh_register_module()
 * with the activity word saying so, check that every setting was asked for,
 * and build the calls. Those in modules->quarantined are left alone. Returns 0,
 * or -1 with one line for the operator in
 * ${ret_error}: which module (name and file) and why. What was loaded before
 * the failure stays loaded; modules_unload() undoes it.
 */
int modules_load(struct modules *modules, const struct segment *segment,
    char *ret_error, size_t error_size);

/*
 * modules_unload(modules):
 * terminate() in reverse order, dlclose, free. A cleared struct is fine.
 */
void modules_unload(struct modules *modules);

/* module_is_quarantined(modules, id): the master has seen it crash too often */
bool module_is_quarantined(const struct modules *modules, size_t id);

/*
 * module_set_scope(module, path):
 * It takes part in requests for ${path} and what is below it, no others: as
 * the path was sent, or as site_path_normalise() has it. Other modules may see
 * this place in either, so one that guards it must see both.
 */
void module_set_scope(struct bh_registration *module, const char *path);

/*
 * modules_for(modules, path, length, ret_missing):
 * Which modules take part in a request for ${path}: a bit each. Those in
 * quarantine don't, and *${ret_missing} has the bits of them that the request
 * can't do without.
 */
uint32_t modules_for(const struct modules *modules, const char *path,
    size_t length, uint32_t *ret_missing);

/*
 * module_callback(ops, step):
 * The callback of a step (0 to STEP_COUNT - 1), or NULL when the module has
 * none.
 */
bh_notification_fn *module_callback(
    const struct bh_module_ops *ops, uint32_t step);

/*
 * modules_by_address(modules, address):
 * The module whose code holds ${address}, or NULL. One file loaded under two
 * names is found as the first. Any thread.
 */
const struct bh_registration *modules_by_address(
    const struct modules *modules, const void *address);

#endif
