/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit test of the module loader: what it says of modules that can't be
 * loaded, the order of the calls, settings, and who the activity word names.
 */
#include "shm/activity.h"
#include "shm/stats.h"
#include "tests/support/test.h"
#include "tests/unit/worker/modules/probe.h"
#include "worker/module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Made by the build: MODULES is the folder of the test modules. */
#define FILE_OF(name) MODULES "/load_" name ".so"

/* A segment as far as the loader looks at it. */
static struct segment_consumer consumer;
static _Atomic uint64_t stats[WORKER_STATS + 4 * MODULE_STATS];
static struct segment segment = {
	.geometry = { .modules = 4 },
	.consumer = &consumer,
	.stats = stats,
	.stats_worker_words = WORKER_STATS,
	.stats_module_words = MODULE_STATS,
};

/* What the probes have told, one after the other: "a register 0/80; ". */
static char observed[512];

void
probe_observe(const char *name, const char *what)
{
	size_t used = strlen(observed);
	uint32_t module = 999, step = ACTIVITY_NONE;
	uint64_t word;

	word = atomic_load(&consumer.activities[0].word);
	(void)activity_unpack(word, &module, &step, NULL);
	(void)snprintf(observed + used, sizeof(observed) - used,
	    "%s %s %u/%x; ", name, what, module, step);
}

/* A boot message's list in the making. */
struct list {
	char bytes[2048];
	size_t size;
	size_t modules;
};

static void
add_string(struct list *list, const char *string)
{
	size_t size = strlen(string) + 1;

	assert_true(size <= sizeof(list->bytes) - list->size);
	memcpy(list->bytes + list->size, string, size);
	list->size += size;
}

/* ${settings} is like -m's: "key=value,key=value", or NULL. */
static void
add_module(
    struct list *list, const char *path, const char *name, const char *settings)
{
	char copy[512], *rest = copy, *setting;

	add_string(list, path);
	add_string(list, name);
	if (settings != NULL) {
		assert_true(strlen(settings) < sizeof(copy));
		memcpy(copy, settings, strlen(settings) + 1);
		while ((setting = strsep(&rest, ",")) != NULL)
			add_string(list, setting);
	}
	add_string(list, "");
	list->modules++;
}

static int
load(const struct list *list, struct modules *modules, char *error,
    size_t error_size)
{
	observed[0] = '\0';
	error[0] = '\0';
	assert_int_equal(
	    modules_parse(modules, list->bytes, list->size, list->modules), 0);
	return (modules_load(modules, &segment, error, error_size));
}

/* The loader must refuse this module with exactly this line. */
static void
assert_refused(const char *path, const char *settings, const char *expected)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[1024], line[1024];

	add_module(&list, path, "probe", settings);
	assert_int_equal(load(&list, &modules, error, sizeof(error)), -1);
	(void)snprintf(
	    line, sizeof(line), "module 'probe' (%s): %s", path, expected);
	assert_string_equal(error, line);
	assert_int_equal(atomic_load(&consumer.activities[0].word), 0);
	modules_unload(&modules);
}

static void
names_a_file_that_is_missing(void **state)
{
	(void)state;
	assert_refused(FILE_OF("missing"), NULL, "No such file or directory");
	assert_refused(MODULES, NULL, "not a regular file");
}

static void
names_a_file_that_is_no_object(void **state)
{
	char path[] = "/tmp/bulkhead-module_load.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_refused(path, NULL, "can't be loaded: file too short");
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_refused(path, NULL, "can't be loaded: invalid ELF header");
	(void)close(fd);
	(void)unlink(path);
}

static void
names_a_symbol_that_is_missing(void **state)
{
	(void)state;
	assert_refused(FILE_OF("undefined"), NULL,
	    "can't be loaded: undefined symbol: bh_of_a_later_server");
}

static void
refuses_a_stamp_that_is_not_ours(void **state)
{
	char line[160];

	(void)state;
	assert_refused(FILE_OF("no_stamp"), NULL,
	    "was not built with <bulkhead/module.h>: it has no BH_MODULE()");
	assert_refused(FILE_OF("wrong_magic"), NULL,
	    "its bh_module_abi isn't what BH_MODULE() makes");
	assert_refused(FILE_OF("wrong_version"), NULL,
	    "was built for module ABI 2, this server has 1");
	(void)snprintf(line, sizeof(line),
	    "was built with a struct bh_module_ops of 16 bytes, this "
	    "server's has %zu",
	    sizeof(struct bh_module_ops));
	assert_refused(FILE_OF("wrong_size"), NULL, line);
	assert_refused(
	    FILE_OF("no_register"), NULL, "has no bh_register_module()");
}

static void
tells_why_a_registration_failed(void **state)
{
	(void)state;
	assert_refused(
	    FILE_OF("probe"), "do=fail", "no database: Permission denied");
	assert_refused(FILE_OF("probe"), "do=fail_silently",
	    "its bh_register_module() failed: Permission denied");
	assert_refused(FILE_OF("probe"), "do=positive",
	    "its bh_register_module() returned 5, which is neither 0 nor "
	    "-errno");
	assert_refused(FILE_OF("probe"), "do=nothing",
	    "registers for nothing: its bh_register_module() must call "
	    "bh_registration_set_request_notifications()");
	assert_refused(FILE_OF("probe"), "notifications=0",
	    "registers for nothing: its bh_register_module() must call "
	    "bh_registration_set_request_notifications()");
}

static void
names_the_callback_that_is_missing(void **state)
{
	(void)state;
	assert_refused(FILE_OF("probe"), "do=no_callback",
	    "registers BH_RQ_BEGIN_REQUEST but has no on_begin_request");
	assert_refused(FILE_OF("probe"), "do=no_post_callback",
	    "registers post-BH_RQ_END_REQUEST but has no "
	    "on_post_end_request");
}

static void
refuses_calls_that_make_no_sense(void **state)
{
	char line[160];

	(void)state;
	assert_refused(FILE_OF("probe"), "do=bad_bit",
	    "registers 0x00001000, which is no notification of this server");
	assert_refused(FILE_OF("probe"), "do=no_ops",
	    "registers without a struct bh_module_ops: ops is NULL");
	(void)snprintf(line, sizeof(line),
	    "has 0 in the size of its struct bh_module_ops: set .size = "
	    "sizeof(struct bh_module_ops), which is %zu",
	    sizeof(struct bh_module_ops));
	assert_refused(FILE_OF("probe"), "do=unsized", line);
	assert_refused(FILE_OF("probe"), "do=bad_priority",
	    "asks for priority 7: they go from BH_PRIORITY_FIRST to "
	    "BH_PRIORITY_LAST");
}

static void
remembers_a_refusal_that_the_module_ignores(void **state)
{
	(void)state;
	assert_refused(FILE_OF("probe"), "do=twice,notifications=1",
	    "calls bh_registration_set_request_notifications() twice");
	assert_string_equal(
	    observed, "probe register 0/80; probe terminate 0/81; ");
	assert_refused(FILE_OF("probe"), "do=explain,notifications=1",
	    "gives a priority to 0x00001000, which is no notification of "
	    "this server (my own words)");
}

static void
names_a_setting_that_nobody_asked_for(void **state)
{
	(void)state;
	assert_refused(FILE_OF("probe"), "notifications=1,pst=1",
	    "setting 'pst' is not known to it: did you mean 'post'?");
	assert_refused(FILE_OF("probe"), "notification=1,notifications=1",
	    "setting 'notification' is not known to it: did you mean "
	    "'notifications'?");
	assert_refused(FILE_OF("probe"), "notifications=1,colour=red",
	    "setting 'colour' is not known to it (it has: do, notifications, "
	    "post, priority)");
	assert_refused(FILE_OF("probe"), "notifications=1,notifications=2",
	    "setting 'notifications' is given twice");
	assert_refused(FILE_OF("plain"), "path=/x",
	    "setting 'path' is not known to it (it has none)");
}

static void
keeps_a_long_line_within_its_buffer(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[24], path[300];

	(void)state;
	memset(path, '/', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	add_module(&list, path, "probe", NULL);
	assert_int_equal(load(&list, &modules, error, sizeof(error)), -1);
	assert_int_equal(strlen(error), sizeof(error) - 1);
	modules_unload(&modules);
}

static void
assert_call(
    const struct modules *modules, size_t at, const char *module, uint32_t step)
{
	const struct pipeline_call *call = &modules->calls[at];

	assert_true(at < modules->call_count);
	assert_string_equal(call->module->name, module);
	assert_int_equal(call->step, step);
	assert_non_null(call->callback);
	assert_true(call->callback == module_callback(call->module->ops, step));
}

static void
orders_calls_by_step_priority_and_module(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[256];

	(void)state;
	add_module(&list, FILE_OF("probe"), "a", "notifications=0x81");
	add_module(&list, FILE_OF("probe"), "b",
	    "notifications=0x481,priority=0,post=0x401");
	add_module(
	    &list, FILE_OF("probe"), "c", "notifications=0x81,priority=4");
	add_module(&list, FILE_OF("probe"), "d", "notifications=0x1,post=1");
	assert_int_equal(load(&list, &modules, error, sizeof(error)), 0);
	assert_int_equal(modules.call_count, 11);
	assert_call(&modules, 0, "b", 0);
	assert_call(&modules, 1, "a", 0);
	assert_call(&modules, 2, "d", 0);
	assert_call(&modules, 3, "c", 0);
	assert_call(&modules, 4, "b", 1);
	assert_call(&modules, 5, "d", 1);
	assert_call(&modules, 6, "b", 14);
	assert_call(&modules, 7, "a", 14);
	assert_call(&modules, 8, "c", 14);
	assert_int_equal(modules.log_call, 9);
	assert_call(&modules, 9, "b", 20);
	assert_call(&modules, 10, "b", 21);
	modules_unload(&modules);
}

static void
points_log_call_behind_the_last_when_nobody_logs(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[256];

	(void)state;
	add_module(&list, FILE_OF("probe"), "a", "notifications=0x80");
	assert_int_equal(load(&list, &modules, error, sizeof(error)), 0);
	assert_int_equal(modules.call_count, 1);
	assert_int_equal(modules.log_call, 1);
	modules_unload(&modules);
}

static void
says_who_runs_while_loading_and_unloading(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[256];

	(void)state;
	add_module(&list, FILE_OF("probe"), "a", "notifications=1");
	add_module(&list, FILE_OF("probe"), "b", "notifications=1");
	assert_int_equal(load(&list, &modules, error, sizeof(error)), 0);
	assert_string_equal(observed, "a register 0/80; b register 1/80; ");
	assert_int_equal(atomic_load(&consumer.activities[0].word), 0);
	assert_ptr_equal(modules.list[1].stats, stats_module(&segment, 1));
	observed[0] = '\0';
	modules_unload(&modules);
	assert_string_equal(observed, "b terminate 1/81; a terminate 0/81; ");
	assert_int_equal(modules.count, 0);
	modules_unload(&modules);
}

static void
registers_none_when_one_file_is_bad(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[256];

	(void)state;
	add_module(&list, FILE_OF("probe"), "a", "notifications=1");
	add_module(&list, FILE_OF("no_stamp"), "b", NULL);
	assert_int_equal(load(&list, &modules, error, sizeof(error)), -1);
	modules_unload(&modules);
	assert_string_equal(observed, "");
}

static void
terminates_only_what_registered(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[256];

	(void)state;
	add_module(&list, FILE_OF("probe"), "a", "notifications=1");
	add_module(&list, FILE_OF("probe"), "b", "do=fail");
	assert_int_equal(load(&list, &modules, error, sizeof(error)), -1);
	modules_unload(&modules);
	assert_string_equal(observed, "a register 0/80; b register 1/80; "
				      "a terminate 0/81; ");
}

static void
finds_a_module_by_an_address_in_its_code(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	const void *address;
	char error[256];

	(void)state;
	add_module(&list, FILE_OF("plain"), "plain", NULL);
	add_module(&list, FILE_OF("probe"), "probe", "notifications=1");
	(void)load(&list, &modules, error, sizeof(error));
	assert_string_equal(error, "");
	memcpy(&address, &modules.calls[1].callback, sizeof(address));
	assert_ptr_equal(
	    modules_by_address(&modules, address), &modules.list[1]);
	memcpy(&address, &modules.calls[0].callback, sizeof(address));
	assert_ptr_equal(
	    modules_by_address(&modules, address), &modules.list[0]);
	assert_null(modules_by_address(&modules, &modules));
	assert_null(modules_by_address(&modules, NULL));
	modules_unload(&modules);
}

static void
refuses_more_modules_than_the_segment_has(void **state)
{
	struct list list = { .size = 0 };
	struct modules modules;
	char error[256], name[2] = "a";

	(void)state;
	for (; *name <= 'e'; name[0]++)
		add_module(&list, FILE_OF("probe"), name, "notifications=1");
	assert_int_equal(load(&list, &modules, error, sizeof(error)), -1);
	assert_string_equal(error, "the segment is made for 4 modules, not 5");
	modules_unload(&modules);
}

static void
refuses_a_list_that_is_not_whole(void **state)
{
	static const struct {
		const char *bytes;
		size_t size, count;
	} bad[] = {
		{ "", 0, 1 },
		{ "p\0n\0", 4, 1 },             /* no end of the settings */
		{ "p\0n\0\0p\0n\0", 9, 2 },     /* of the second's */
		{ "p\0n\0\0x", 6, 1 },          /* no NUL */
		{ "p\0n\0\0\0", 6, 1 },         /* more than it says */
		{ "p\0n\0\0", 5, 2 },           /* less */
		{ "\0n\0\0", 4, 1 },            /* no path */
		{ "p\0\0\0", 4, 1 },            /* no name */
		{ "p\0n\0novalue\0\0", 13, 1 }, /* no '=' */
		{ "p\0n\0=value\0\0", 12, 1 },  /* no key */
		{ "p\0n\0\0", 5, SEGMENT_MODULES_MAX + 1 },
	};
	struct modules modules;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(modules_parse(&modules, bad[i].bytes,
				     bad[i].size, bad[i].count),
		    -EBADMSG);
	modules_unload(&modules);
}

static void
accepts_no_modules(void **state)
{
	struct modules modules;
	char error[256];

	(void)state;
	assert_int_equal(modules_parse(&modules, "", 0, 0), 0);
	assert_int_equal(
	    modules_load(&modules, &segment, error, sizeof(error)), 0);
	assert_int_equal(modules.call_count, 0);
	modules_unload(&modules);
}

static void
parses_settings_with_equals_in_their_values(void **state)
{
	static const char list[] = "p\0n\0key=a=b\0empty=\0";
	struct modules modules;
	struct bh_registration *module;

	(void)state;
	assert_int_equal(modules_parse(&modules, list, sizeof(list), 1), 0);
	module = &modules.list[0];
	assert_int_equal(module->setting_count, 2);
	assert_string_equal(bh_registration_setting(module, "key"), "a=b");
	assert_string_equal(bh_registration_setting(module, "empty"), "");
	assert_null(bh_registration_setting(module, "none"));
	assert_null(bh_registration_setting(module, NULL));
	assert_string_equal(bh_registration_name(module), "n");
	assert_int_equal(bh_registration_id(module), 0);
	modules_unload(&modules);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_a_file_that_is_missing),
		cmocka_unit_test(names_a_file_that_is_no_object),
		cmocka_unit_test(names_a_symbol_that_is_missing),
		cmocka_unit_test(refuses_a_stamp_that_is_not_ours),
		cmocka_unit_test(tells_why_a_registration_failed),
		cmocka_unit_test(names_the_callback_that_is_missing),
		cmocka_unit_test(refuses_calls_that_make_no_sense),
		cmocka_unit_test(remembers_a_refusal_that_the_module_ignores),
		cmocka_unit_test(names_a_setting_that_nobody_asked_for),
		cmocka_unit_test(keeps_a_long_line_within_its_buffer),
		cmocka_unit_test(orders_calls_by_step_priority_and_module),
		cmocka_unit_test(
		    points_log_call_behind_the_last_when_nobody_logs),
		cmocka_unit_test(says_who_runs_while_loading_and_unloading),
		cmocka_unit_test(registers_none_when_one_file_is_bad),
		cmocka_unit_test(terminates_only_what_registered),
		cmocka_unit_test(finds_a_module_by_an_address_in_its_code),
		cmocka_unit_test(refuses_more_modules_than_the_segment_has),
		cmocka_unit_test(refuses_a_list_that_is_not_whole),
		cmocka_unit_test(accepts_no_modules),
		cmocka_unit_test(parses_settings_with_equals_in_their_values),
	};

	return (RUN_TESTS(argc, argv, tests));
}
