/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the worker program, the modules and the control socket.
 */
#include "master/paths.h"
#include "tests/unit/master/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree like an installed one; everything is made in it and removed. */
struct tree {
	char root[64];
	char bin[80];
	struct config *config;
	struct reason why;
};

static void
make(const struct tree *tree, const char *path, bool is_folder)
{
	char full[160];
	int fd;

	(void)snprintf(full, sizeof(full), "%s/%s", tree->root, path);
	if (is_folder) {
		assert_int_equal(mkdir(full, 0755), 0);
		return;
	}
	fd = open(full, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	(void)close(fd);
}

static int
set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	struct config_pool *pool;

	assert_non_null(tree);
	(void)snprintf(
	    tree->root, sizeof(tree->root), "/tmp/bulkhead-paths-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	(void)snprintf(tree->bin, sizeof(tree->bin), "%s/bin", tree->root);
	make(tree, "bin", true);
	tree->config = config_new();
	assert_non_null(tree->config);
	assert_int_equal(
	    config_add_pool(tree->config, "main", &pool, &tree->why), 0);
	(void)setenv("RUNTIME_DIRECTORY", tree->root, 1);
	*state = tree;
	return (0);
}

static int
tear_down(void **state)
{
	struct tree *tree = *state;
	char command[96];

	config_free(tree->config);
	(void)snprintf(command, sizeof(command), "rm -rf %s", tree->root);
	free(tree);
	return (system(command));
}

static int
resolve(struct tree *tree)
{
	return (paths_resolve_from(tree->config, tree->bin, &tree->why));
}

static void
add(struct tree *tree, const char *argument)
{
	assert_int_equal(
	    config_add_module(tree->config->pools[0], argument, &tree->why), 0);
}

static void
assert_ends(const char *path, const char *end)
{
	assert_non_null(path);
	assert_true(strlen(path) >= strlen(end));
	assert_string_equal(path + strlen(path) - strlen(end), end);
}

static void
finds_a_build_tree(void **state)
{
	struct tree *tree = *state;

	make(tree, "bin/bulkhead-worker", false);
	make(tree, "modules", true);
	make(tree, "modules/echo.so", false);
	add(tree, "echo");
	add(tree, "echo.so,name=again");
	assert_int_equal(resolve(tree), 0);
	assert_ends(tree->config->worker, "/bin/bulkhead-worker");
	assert_ends(
	    tree->config->pools[0]->modules[0].path, "/bin/../modules/echo.so");
	assert_ends(
	    tree->config->pools[0]->modules[1].path, "/bin/../modules/echo.so");
	assert_ends(tree->config->control, "/control.sock");
}

static void
finds_an_installation(void **state)
{
	struct tree *tree = *state;

	make(tree, "libexec", true);
	make(tree, "libexec/bulkhead", true);
	make(tree, "libexec/bulkhead/bulkhead-worker", false);
	make(tree, "lib", true);
	make(tree, "lib/bulkhead", true);
	make(tree, "lib/bulkhead/modules", true);
	make(tree, "lib/bulkhead/modules/echo.so", false);
	add(tree, "echo");
	assert_int_equal(resolve(tree), 0);
	assert_ends(tree->config->worker, "/libexec/bulkhead/bulkhead-worker");
	assert_ends(tree->config->pools[0]->modules[0].path,
	    "/lib/bulkhead/modules/echo.so");
}

static void
takes_a_path_as_it_stands(void **state)
{
	struct tree *tree = *state;
	char argument[96];

	make(tree, "bin/bulkhead-worker", false);
	make(tree, "mine.so", false);
	(void)snprintf(argument, sizeof(argument), "%s/mine", tree->root);
	add(tree, argument);
	assert_int_equal(chdir(tree->root), 0);
	add(tree, "./mine.so,name=again");
	assert_int_equal(resolve(tree), 0);
	assert_int_equal(chdir("/"), 0);
	assert_ends(tree->config->pools[0]->modules[0].path, "/mine.so");
	assert_int_equal(tree->config->pools[0]->modules[1].path[0], '/');
	assert_ends(tree->config->pools[0]->modules[1].path, "/./mine.so");
}

static void
names_the_module_that_is_not_there(void **state)
{
	struct tree *tree = *state;

	make(tree, "bin/bulkhead-worker", false);
	add(tree, "nosuch");
	assert_true(resolve(tree) < 0);
	assert_non_null(strstr(tree->why.text,
	    "module nosuch: there is no readable file nosuch.so in "));
	assert_non_null(strstr(tree->why.text, "write ./nosuch.so"));
}

static void
names_the_program_that_is_not_there(void **state)
{
	struct tree *tree = *state;

	assert_true(resolve(tree) < 0);
	assert_non_null(
	    strstr(tree->why.text, "there is no program bulkhead-worker in "));
}

static void
keeps_the_control_path_that_was_given(void **state)
{
	struct tree *tree = *state;

	make(tree, "bin/bulkhead-worker", false);
	tree->config->control = strdup("/somewhere/else");
	assert_int_equal(resolve(tree), 0);
	assert_string_equal(tree->config->control, "/somewhere/else");
}

static void
takes_the_first_of_systemds_folders(void **state)
{
	struct tree *tree = *state;

	make(tree, "bin/bulkhead-worker", false);
	(void)setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
	assert_int_equal(resolve(tree), 0);
	assert_string_equal(tree->config->control, "/run/a/control.sock");
}

#define TREE_TEST(function) \
	cmocka_unit_test_setup_teardown((function), set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(finds_a_build_tree),
		TREE_TEST(finds_an_installation),
		TREE_TEST(takes_a_path_as_it_stands),
		TREE_TEST(names_the_module_that_is_not_there),
		TREE_TEST(names_the_program_that_is_not_there),
		TREE_TEST(keeps_the_control_path_that_was_given),
		TREE_TEST(takes_the_first_of_systemds_folders),
	};

	return (RUN_TESTS(argc, argv, tests));
}
