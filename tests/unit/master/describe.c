/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written about the configuration is in step with the definition, and
 * true: the example can be read, with everything in it that is commented out.
 */
#include "master/describe.h"

#include "master/config_file.h"
#include "tests/unit/master/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A description in memory, to be freed. */
static char *
described(enum describe_format format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	describe(out, format);
	assert_int_equal(fclose(out), 0);
	assert_non_null(text);
	return (text);
}

static char *
file_contents(const char *path)
{
	char *text = calloc(1, 1 << 18);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	if (file == NULL)
		fail_msg("there is no %s", path);
	assert_true(fread(text, 1, (1 << 18) - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	return (text);
}

static void
assert_in_step(enum describe_format format, const char *path, const char *how)
{
	char *made = described(format), *committed = file_contents(path);

	if (strcmp(made, committed) != 0)
		fail_msg("%s isn't what the definition says; make it again "
			 "with bulkhead --describe-config=%s > %s",
		    path, how, path);
	free(made);
	free(committed);
}

static void
files_are_in_step(void **state)
{
	(void)state;
	assert_in_step(
	    DESCRIBE_EXAMPLE, SOURCE "/deploy/etc/bulkhead.conf", "example");
	assert_in_step(
	    DESCRIBE_MANUAL, SOURCE "/deploy/man/bulkhead.conf.5", "manual");
}

static struct config *
read_text(const char *text)
{
	char path[] = "/tmp/bulkhead-example-XXXXXX";
	struct config *config = config_new();
	struct config_errors errors;
	int fd = mkstemp(path);

	assert_non_null(config);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	config_file_read(path, config, &errors);
	assert_int_equal(unlink(path), 0);
	if (errors.count > 0)
		fail_msg("%s", config_errors_line(&errors, 0));
	config_errors_free(&errors);
	return (config);
}

static void
example_serves_as_it_is(void **state)
{
	char *text = described(DESCRIBE_EXAMPLE);
	struct config *config = read_text(text);

	(void)state;
	assert_int_equal(config->pool_count, 1);
	assert_int_equal(config->listener_count, 1);
	assert_int_equal(config->pools[0]->module_count, 1);
	assert_int_equal(config->pools[0]->spares, 1);
	assert_int_equal(config->site_count, 0);
	config_free(config);
	free(text);
}

/*
 * Without the '#' that stand before what could be said. What a client gets
 * can be said once only, and a secret needs its file.
 */
static void
uncomment(char *text)
{
	char *line, *at;

	for (line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		for (at = line;
		     *at == ' ' || (*at == '#' && at[1] != '\n' &&
				       !(at[1] == ' ' && at[2] != ' '));
		     at++)
			*at = ' ';
		if (strncmp(at, "redirect =", 10) == 0 ||
		    strncmp(at, "password =", 10) == 0)
			*at = '#';
	}
}

/* Does a setting's name stand before a '='? */
static bool
says(const char *text, const char *name)
{
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), " %s =", name);
	return (strstr(text, wanted) != NULL);
}

static void
example_is_true_in_all_it_could_say(void **state)
{
	char *text = described(DESCRIBE_EXAMPLE);
	const struct setting *settings;
	struct config *config;
	size_t count;

	(void)state;
	uncomment(text);
	settings = settings_list(&count);
	for (size_t i = 0; i < count; i++)
		if (!says(text, settings[i].name) &&
		    strcmp(settings[i].name, "redirect") != 0)
			fail_msg("the example has no %s", settings[i].name);
	config = read_text(text);
	assert_string_equal(config->control, "/run/bulkhead/control.sock");
	assert_string_equal(config->pools[0]->user, "www-data");
	assert_int_equal(config->pools[0]->modules[0].setting_count, 1);
	assert_int_equal(config->site_count, 1);
	assert_int_equal(config->sites[0]->rule_count, 2);
	assert_int_equal(config->sites[0]->rules[1].body_max, 1 << 20);
	config_free(config);
	free(text);
}

static void
text_and_manual_have_every_setting(void **state)
{
	char *text = described(DESCRIBE_TEXT);
	char *manual = described(DESCRIBE_MANUAL);
	const struct setting *settings;
	size_t count;

	(void)state;
	settings = settings_list(&count);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(strstr(text, settings[i].name));
		assert_non_null(strstr(manual, settings[i].name));
	}
	free(text);
	free(manual);
}

static void
json_has_every_setting(void **state)
{
	char *text = described(DESCRIBE_JSON);
	json_t *array = json_loads(text, 0, NULL), *entry;
	size_t i;
	bool found = false;

	(void)state;
	assert_non_null(array);
	json_array_foreach(array, i, entry)
	{
		assert_non_null(json_object_get(entry, "help"));
		if (strcmp(json_string_value(json_object_get(entry, "name")),
			"hang-warn") != 0)
			continue;
		found = true;
		assert_string_equal(
		    json_string_value(json_object_get(entry, "section")),
		    "pool");
		assert_string_equal(
		    json_string_value(json_object_get(entry, "unit")), "ms");
		assert_string_equal(
		    json_string_value(json_object_get(entry, "default")),
		    "100ms");
		assert_int_equal(
		    json_integer_value(json_object_get(entry, "least")), 10);
	}
	assert_true(found);
	json_decref(array);
	free(text);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_in_step),
		cmocka_unit_test(example_serves_as_it_is),
		cmocka_unit_test(example_is_true_in_all_it_could_say),
		cmocka_unit_test(text_and_manual_have_every_setting),
		cmocka_unit_test(json_has_every_setting),
	};

	return (RUN_TESTS(argc, argv, tests));
}
