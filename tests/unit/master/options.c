/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: defaults, settings, and the line for each mistake.
 */
#include "master/options.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	WORDS = 160
};

/* options_parse() of "bulkhead" and the words, which end with NULL. */
static int
parse(struct config **ret_config, struct reason *why, const char *const *words)
{
	static char storage[WORDS][64];
	char *arguments[WORDS + 1];
	int count = 0;

	(void)snprintf(storage[count], sizeof(storage[0]), "bulkhead");
	arguments[count] = storage[count];
	for (count = 1; words[count - 1] != NULL; count++) {
		assert_true(count < WORDS);
		(void)snprintf(
		    storage[count], sizeof(storage[0]), "%s", words[count - 1]);
		arguments[count] = storage[count];
	}
	arguments[count] = NULL;
	why->text[0] = '\0';
	*ret_config = config_new();
	assert_non_null(*ret_config);
	return (options_parse(count, arguments, *ret_config, why));
}

#define PARSE(config, why, ...) \
	parse((config), (why), (const char *const[]){ __VA_ARGS__, NULL })

static void
assert_complains(const char *const *words, const char *line)
{
	struct config *config;
	struct reason why;

	assert_true(parse(&config, &why, words) < 0);
	assert_string_equal(why.text, line);
	config_free(config);
}

#define COMPLAINS(line, ...) \
	assert_complains((const char *const[]){ __VA_ARGS__, NULL }, (line))

static void
has_defaults_when_started_with_nothing(void **state)
{
	struct config *config;
	struct reason why;
	char text[ADDRESS_TEXT];

	(void)state;
	assert_int_equal(PARSE(&config, &why, NULL), OPTIONS_RUN);
	assert_int_equal(config->listener_count, 1);
	address_format(&config->listeners[0].address.storage,
	    config->listeners[0].address.length, text);
	assert_string_equal(text, "127.0.0.1:8080");
	assert_int_equal(config->pools[0]->module_count, 1);
	assert_string_equal(config->pools[0]->modules[0].name, "hello");
	assert_int_equal(
	    config->pools[0]->workers, sysconf(_SC_NPROCESSORS_ONLN));
	assert_false(config->check);
	assert_null(config->control);
	config_free(config);
}

static void
takes_every_option(void **state)
{
	struct config *config;
	struct reason why;

	(void)state;
	assert_int_equal(
	    PARSE(&config, &why, "-t", "-l", ":80", "-l", "[::1]:81", "-w", "7",
		"--control", "/tmp/c", "-m", "a", "--module=/x/b.so,path=/y"),
	    OPTIONS_RUN);
	assert_true(config->check);
	assert_int_equal(config->listener_count, 2);
	assert_int_equal(config->pools[0]->workers, 7);
	assert_string_equal(config->control, "/tmp/c");
	assert_int_equal(config->pools[0]->module_count, 2);
	config_free(config);
	assert_int_equal(
	    PARSE(&config, &why, "--workers", "auto"), OPTIONS_RUN);
	assert_int_equal(
	    config->pools[0]->workers, sysconf(_SC_NPROCESSORS_ONLN));
	config_free(config);
	assert_int_equal(PARSE(&config, &why, "-h"), OPTIONS_HELP);
	config_free(config);
	assert_int_equal(PARSE(&config, &why, "-V"), OPTIONS_VERSION);
	config_free(config);
}

static void
reads_a_modules_name_and_settings(void **state)
{
	const struct config_module *modules;
	struct config *config;
	struct reason why;

	(void)state;
	assert_int_equal(
	    PARSE(&config, &why, "-m", "/lib/m/echo.so", "-m",
		"delay,path=/d,name=later,text=a=b,empty=", "-m", "./echo.1"),
	    OPTIONS_RUN);
	modules = config->pools[0]->modules;
	assert_string_equal(modules[0].file, "/lib/m/echo.so");
	assert_string_equal(modules[0].name, "echo");
	assert_int_equal(modules[0].setting_count, 0);
	assert_string_equal(modules[1].file, "delay");
	assert_string_equal(modules[1].name, "later");
	assert_int_equal(modules[1].setting_count, 3);
	assert_string_equal(modules[1].settings[0], "path=/d");
	assert_string_equal(modules[1].settings[1], "text=a=b");
	assert_string_equal(modules[1].settings[2], "empty=");
	assert_string_equal(modules[2].name, "echo.1");
	config_free(config);
}

static void
names_the_wrong_option(void **state)
{
	(void)state;
	COMPLAINS("/nowhere/b.conf: can't be read: No such file or directory",
	    "-c", "/nowhere/b.conf");
	COMPLAINS("option -w: with -c the file says that; write it into "
		  "/nowhere/b.conf",
	    "-w", "2", "-c", "/nowhere/b.conf", "-m", "hello");
	COMPLAINS("option -o: with -c the file says that; write it into "
		  "/nowhere/b.conf",
	    "-c", "/nowhere/b.conf", "-o", "log-level=debug");
	COMPLAINS("option -c: there are two; write one file that includes the "
		  "other with include(\"...\")",
	    "-c", "/nowhere/b.conf", "-c", "/nowhere/c.conf");
	COMPLAINS("there is no option -x; see bulkhead -h", "-x");
	COMPLAINS("there is no option -y; see bulkhead -h", "-ty");
	COMPLAINS("there is no option --fast; see bulkhead -h", "--fast");
	COMPLAINS("option -w needs an argument; see bulkhead -h", "-w");
	COMPLAINS(
	    "option --listen needs an argument; see bulkhead -h", "--listen");
	COMPLAINS(
	    "option --test=1 takes no argument; see bulkhead -h", "--test=1");
	COMPLAINS("'now' belongs to no option; see bulkhead -h", "-t", "now");
	COMPLAINS("option --control: the path is empty; write the path of the "
		  "socket to make",
	    "--control", "");
}

static void
says_what_a_number_of_workers_is(void **state)
{
	(void)state;
	COMPLAINS("option -w: '0' is too small; write a number from 1 to 256, "
		  "or auto for one worker on each CPU",
	    "-w", "0");
	COMPLAINS("option -w: '257' is too large; write a number from 1 to "
		  "256, or auto for one worker on each CPU",
	    "-w", "257");
	COMPLAINS("option -w: 'two' is invalid; write a number from 1 to 256, "
		  "or auto for one worker on each CPU",
	    "-w", "two");
}

static void
says_what_an_address_is(void **state)
{
	(void)state;
	COMPLAINS("option -l: 'localhost' is not an address to listen on; "
		  "write 127.0.0.1:8080, [::1]:8080, :8080 for every address, "
		  "or unix:PATH",
	    "-l", "localhost");
	COMPLAINS("option -l: the port of ':70000' is too large; a port is 0 "
		  "(any free one) to 65535",
	    "-l", ":70000");
}

static void
says_what_is_wrong_with_a_module(void **state)
{
	(void)state;
	COMPLAINS("option -m: a module needs a file; write "
		  "MODULE.so[,key=value]...",
	    "-m", ",a=b");
	COMPLAINS("option -m: 'fast' is not a setting of module 'a'; write "
		  "key=value",
	    "-m", "a,fast");
	COMPLAINS("option -m: '=1' is not a setting of module 'a'; write "
		  "key=value",
	    "-m", "a,=1");
	COMPLAINS("option -m: module 'a' has the setting 'k' twice", "-m",
	    "a,k=1,k=2");
	COMPLAINS("option -m: module 'a' has the setting 'name' twice", "-m",
	    "a,name=b,name=c");
	COMPLAINS("option -m: two modules are named 'a'; give one of them "
		  "another name with name=",
	    "-m", "a", "-m", "/x/a.so");
	COMPLAINS("option -m: a module needs a name", "-m", "/x/");
	COMPLAINS("option -m: the module name 'a b' has characters other than "
		  "letters, digits, '_', '.' and '-'; give another with name=",
	    "-m", "a b.so");
	COMPLAINS("option -m: the module name "
		  "'abcdefghijklmnopqrstuvwxyz012345' is longer than 31 "
		  "characters; give a shorter one with name=",
	    "-m", "abcdefghijklmnopqrstuvwxyz012345");
}

static void
takes_settings(void **state)
{
	struct config *config;
	struct reason why;

	(void)state;
	assert_int_equal(
	    PARSE(&config, &why, "-o", "spares=3", "--option=hang-warn=250ms",
		"-o", "hang-limit=2m", "-o", "recycle-memory=64M", "-o",
		"state-dir=", "-o", "core-dumps=on", "-o", "drain-limit=9s",
		"-o", "drain-limit=8s", "-o", "recycle-age=0", "-o",
		"idle-limit=90s", "-o", "body-max=1k"),
	    OPTIONS_RUN);
	assert_int_equal(config->pools[0]->spares, 3);
	assert_int_equal(config->pools[0]->hang_warn_ms, 250);
	assert_int_equal(config->pools[0]->hang_limit_ms, 120 * 1000);
	assert_int_equal(config->pools[0]->recycle_memory, 64 << 20);
	assert_int_equal(config->pools[0]->drain_limit_ms, 8000);
	assert_int_equal(config->pools[0]->recycle_age_ms, 0);
	assert_int_equal(config->pools[0]->limits.idle_ms, 90 * 1000);
	assert_int_equal(config->pools[0]->limits.body_max, 1024);
	assert_string_equal(config->state_dir, "");
	assert_true(config->pools[0]->core_dumps);
	config_free(config);
	assert_int_equal(PARSE(&config, &why, NULL), OPTIONS_RUN);
	assert_int_equal(config->pools[0]->spares, 1);
	assert_int_equal(config->pools[0]->hang_limit_ms, 30 * 1000);
	assert_int_equal(config->pools[0]->start_limit_ms, 30 * 1000);
	assert_int_equal(config->pools[0]->limits.idle_ms, 75 * 1000);
	assert_true(config->pools[0]->limits.body_max == UINT64_C(4) << 30);
	assert_null(config->state_dir);
	assert_false(config->pools[0]->core_dumps);
	config_free(config);
}

static void
says_what_is_wrong_with_a_setting(void **state)
{
	(void)state;
	COMPLAINS("option -o: there is no setting 'spare'; did you mean "
		  "spares?",
	    "-o", "spare=1");
	COMPLAINS("option -o: there is no setting 'hang-limti'; did you mean "
		  "hang-limit?",
	    "-o", "hang-limti=1s");
	COMPLAINS("option -o: there is no setting 'colour'; see bulkhead -h",
	    "-o", "colour=red");
	COMPLAINS("option -o: 'spares' is not a setting; write name=value",
	    "-o", "spares");
	COMPLAINS("option -o: spares can't be '17'; write a number, from 0 to "
		  "16",
	    "-o", "spares=17");
	COMPLAINS("option -o: hang-warn can't be '5'; write a time like "
		  "250ms, 30s or 5m, from 10ms to 1d",
	    "-o", "hang-warn=5");
	COMPLAINS("option -o: recycle-memory can't be '-1'; write a size like "
		  "65536, 512k, 64M or 2G, from 0 to 1048576G",
	    "-o", "recycle-memory=-1");
	COMPLAINS("option -o: spares can't be '99999999999999999999999'; "
		  "write a number, from 0 to 16",
	    "-o", "spares=99999999999999999999999");
	COMPLAINS("option -o: core-dumps can't be 'maybe'; write on or off", "-o",
	    "core-dumps=maybe");
}

static void
keeps_the_servers_own_settings_of_a_module(void **state)
{
	struct config *config;
	struct reason why;

	(void)state;
	assert_int_equal(PARSE(&config, &why, "-m", "a,optional=yes", "-m",
			     "b,required=yes,optional=no", "-m", "c"),
	    OPTIONS_RUN);
	assert_true(config->pools[0]->modules[0].optional);
	assert_false(config->pools[0]->modules[0].required);
	assert_true(config->pools[0]->modules[1].required);
	assert_false(config->pools[0]->modules[2].optional ||
		     config->pools[0]->modules[2].required);
	config_free(config);
	COMPLAINS("option -m: module 'a' has the setting 'optional=1'; write "
		  "optional=yes or optional=no",
	    "-m", "a,optional=1");
	COMPLAINS("option -m: module 'a' can't be both optional and required",
	    "-m", "a,optional=yes,required=yes");
}

static void
refuses_more_modules_and_listeners_than_fit(void **state)
{
	static char modules[SEGMENT_MODULES_MAX + 1][8];
	const char *words[2 * SEGMENT_MODULES_MAX + 3];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i <= SEGMENT_MODULES_MAX; i++) {
		(void)snprintf(modules[i], sizeof(modules[i]), "m%zu", i);
		words[count++] = "-m";
		words[count++] = modules[i];
	}
	words[count] = NULL;
	assert_complains(words,
	    "option -m: more than 32 modules; a pool has room for so many");
	for (size_t i = 0; i < count; i += 2) {
		words[i] = "-l";
		words[i + 1] = ":0";
	}
	assert_complains(
	    words, "option -l: more than 32 addresses to listen on");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults_when_started_with_nothing),
		cmocka_unit_test(takes_every_option),
		cmocka_unit_test(reads_a_modules_name_and_settings),
		cmocka_unit_test(names_the_wrong_option),
		cmocka_unit_test(says_what_a_number_of_workers_is),
		cmocka_unit_test(says_what_an_address_is),
		cmocka_unit_test(says_what_is_wrong_with_a_module),
		cmocka_unit_test(takes_settings),
		cmocka_unit_test(says_what_is_wrong_with_a_setting),
		cmocka_unit_test(keeps_the_servers_own_settings_of_a_module),
		cmocka_unit_test(refuses_more_modules_and_listeners_than_fit),
	};

	return (RUN_TESTS(argc, argv, tests));
}
