/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files: what a good one comes to, and the lines that tell what
 * is wrong in a bad one.
 */
#include "master/config_file.h"

#include "master/config_site.h"
#include "tests/unit/master/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/bulkhead-config-XXXXXX";

static int
make_folder(void **state)
{
	(void)state;
	return (mkdtemp(folder) == NULL ? -1 : 0);
}

static int
remove_folder(void **state)
{
	(void)state;
	return (rmdir(folder));
}

/* A file of the test's folder; the result lasts until the next call but one. */
static const char *
path_of(const char *name)
{
	static char paths[2][128];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return (path);
}

static void
write_bytes(const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void
write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static void
remove_file(const char *name)
{
	assert_int_equal(unlink(path_of(name)), 0);
}

/* Read "a.conf", which is there, without a mistake. */
static struct config *
read_good(void)
{
	struct config *config = config_new();
	struct config_errors errors;

	assert_non_null(config);
	config_file_read(path_of("a.conf"), config, &errors);
	if (errors.count > 0)
		fail_msg("%s", config_errors_line(&errors, 0));
	config_errors_free(&errors);
	return (config);
}

static struct config *
parse_good(const char *text)
{
	struct config *config;

	write_file("a.conf", text);
	config = read_good();
	remove_file("a.conf");
	return (config);
}

/*
 * The lines that reading "a.conf" tells, without the folder, one a line. The
 * result lasts until the next call.
 */
static const char *
mistakes_of_file(void)
{
	static char text[8192];
	struct config *config = config_new();
	struct config_errors errors;
	const char *line;
	size_t used = 0;

	assert_non_null(config);
	config_file_read(path_of("a.conf"), config, &errors);
	text[0] = '\0';
	for (size_t i = 0; i < errors.count; i++) {
		line = config_errors_line(&errors, i);
		if (strncmp(line, folder, strlen(folder)) == 0)
			line += strlen(folder) + 1;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s%s", i > 0 ? "\n" : "", line);
		assert_true(used < sizeof(text));
	}
	config_errors_free(&errors);
	config_free(config);
	return (text);
}

static const char *
mistakes(const char *file)
{
	const char *text;

	write_file("a.conf", file);
	text = mistakes_of_file();
	remove_file("a.conf");
	return (text);
}

/* What most files need besides what is tested. */
#define MAIN "pool main { module hello { } }\n"

static void
reads_every_section(void **state)
{
	static const char text[] =
	    "# a comment\n"
	    "log-level = debug /* another\n one */ // and a third\n"
	    "control = \"/run/b # no comment.sock\"\n"
	    "state-dir = ''\n"
	    "crash-files = 7\n"
	    "listen \"127.0.0.1:80\" { pool = \"second\" }\n"
	    "listen \"[::1]:81\" { pool = main }\n"
	    "pool \"main\" {\n"
	    "    workers = 3 user = \"www\" group = 33\n"
	    "    idle-limit = 2m body-max = 1k core-dumps = on\n"
	    "    module \"hello\" { optional = yes\n"
	    "        settings { text = \"a, b\" path = /h } }\n"
	    "    module \"other\" { file = /x/echo.so required = on }\n"
	    "}\n"
	    "pool \"second\" { strict-hosts = on module echo { } }\n";
	const struct config_module *module;
	struct config *config;

	(void)state;
	config = parse_good(text);
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_string_equal(config->control, "/run/b # no comment.sock");
	assert_string_equal(config->state_dir, "");
	assert_int_equal(config->crash_files, 7);
	assert_int_equal(config->pool_count, 2);
	assert_int_equal(config->listener_count, 2);
	assert_int_equal(config->listeners[0].pool, 1);
	assert_int_equal(config->listeners[1].pool, 0);
	assert_string_equal(config->pools[0]->name, "main");
	assert_int_equal(config->pools[0]->workers, 3);
	assert_string_equal(config->pools[0]->user, "www");
	assert_string_equal(config->pools[0]->group, "33");
	assert_int_equal(config->pools[0]->limits.idle_ms, 120000);
	assert_int_equal(config->pools[0]->limits.body_max, 1024);
	assert_true(config->pools[0]->core_dumps);
	assert_false(config->pools[0]->strict_hosts);
	assert_int_equal(config->pools[0]->module_count, 2);
	module = &config->pools[0]->modules[0];
	assert_string_equal(module->name, "hello");
	assert_string_equal(module->file, "hello");
	assert_true(module->optional);
	assert_int_equal(module->setting_count, 3);
	assert_string_equal(module->settings[0], "text=a, b");
	assert_string_equal(module->settings[1], "path=/h");
	assert_string_equal(module->settings[2], "optional=yes");
	module = &config->pools[0]->modules[1];
	assert_string_equal(module->name, "other");
	assert_string_equal(module->file, "/x/echo.so");
	assert_true(module->required);
	assert_string_equal(config->pools[1]->name, "second");
	assert_int_equal(config->pools[1]->workers, 0);
	assert_int_equal(config->pools[1]->limits.idle_ms, 75000);
	assert_true(config->pools[1]->strict_hosts);
	assert_int_equal(config->pools[1]->module_count, 1);
	config_free(config);
}

/* The site as BOOT tells it, with '|' for each NUL. */
static size_t
add_string(char *list, size_t used, const char *string)
{
	size_t size = strlen(string) + 1;

	if (list != NULL)
		memcpy(list + used, string, size);
	return (used + size);
}

static const char *
told(const struct config_site *site)
{
	static char text[2048];
	size_t size = config_site_write(site, add_string, NULL, 0);

	assert_true(size < sizeof(text));
	assert_int_equal(config_site_write(site, add_string, text, 0), size);
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\0')
			text[i] = '|';
	text[size] = '\0';
	return (text);
}

static void
tells_workers_of_sites(void **state)
{
	static const char text[] =
	    "pool main { module a { } module b { } module c { } }\n"
	    "site one { hosts = { example.org, \"*.example.org\" }\n"
	    "    modules = { a, c } body-max = 1M pending-limit = 2s\n"
	    "    path /b { modules = b }\n"
	    "    path /c { body-max = 0 deny = 403 }\n"
	    "    path /d { redirect = \"308  https://x/$target\" }\n"
	    "}\n"
	    "site two { hosts = \"*\" deny = 404 path / { modules = { a } } }\n"
	    "site three { hosts = [::1] redirect = '302 /x' path /a { } }\n";
	struct config *config;

	(void)state;
	config = parse_good(text);
	assert_int_equal(config->site_count, 3);
	assert_string_equal(told(config->sites[0]),
	    "one|example.org|*.example.org||"
	    "/|modules=5|body-max=1048576|pending-ns=2000000000||"
	    "/b|modules=2|body-max=1048576|pending-ns=2000000000||"
	    "/c|modules=5|body-max=0|pending-ns=2000000000|status=403||"
	    "/d|modules=5|body-max=1048576|pending-ns=2000000000|status=308|"
	    "location=https://x/$target|||");
	/* A path "/" takes the place of the site's own rule. */
	assert_string_equal(told(config->sites[1]), "two|*||/|modules=1|||");
	assert_string_equal(told(config->sites[2]),
	    "three|[::1]||/|status=302|location=/x||/a|||");
	config_free(config);
}

static void
bounds_what_workers_are_told(void **state)
{
	const size_t size = 1 << 18;
	char *text = malloc(size);
	size_t used;

	(void)state;
	assert_non_null(text);
	used = (size_t)snprintf(text, size, "pool main { module a { } }\n");
	for (unsigned i = 0; i < 1000; i++)
		used += (size_t)snprintf(text + used, size - used,
		    "site s%u { hosts = h%u.example.org path /%0*u { } }\n", i,
		    i, 100, i);
	assert_string_equal(mistakes(text),
	    "a.conf: the sites of pool 'main' take 129780 bytes of a message "
	    "that has room for 114688; give some of them another pool");
	used = (size_t)snprintf(text, size, "pool main { module a { } }\n");
	for (unsigned i = 0; i < 1000; i++)
		used += (size_t)snprintf(text + used, size - used,
		    "site s%u { hosts = h%u.example.org }\n", i, i);
	config_free(parse_good(text));
	free(text);
}

/* One mistake a file, and the whole line that tells it. */
static const struct {
	const char *text, *line;
} bad[] = {
	/* Names. */
	{ "log-levle = info\n" MAIN,
	    "a.conf:1: log-levle: there is no such setting here; did you mean "
	    "log-level?" },
	{ MAIN "colour = red\n",
	    "a.conf:2: colour: there is no such setting here; bulkhead "
	    "--describe-config tells which there are" },
	{ "spares = 2\n" MAIN,
	    "a.conf:1: spares: it is no setting of the server, but of a "
	    "section pool; write it there" },
	{ "pool main {\n  crash-files = 2\n  module hello { } }\n",
	    "a.conf:2: crash-files: it is no setting of a section pool, but "
	    "of the server, outside of sections; write it there" },
	{ MAIN "lisen \"127.0.0.1:80\" { }\n",
	    "a.conf:2: lisen: there is no such setting here; did you mean "
	    "listen?" },
	{ "module hello { }\n",
	    "a.conf:1: module: such a section stands in a section pool "
	    "only" },
	{ "pool main {\n  module hello { }\n\nsite x { }\n",
	    "a.conf:4: site: such a section doesn't stand in a section; is a "
	    "} missing before it, to close pool" },
	/* Values. */
	{ "log-level = loud\n" MAIN,
	    "a.conf:1: log-level can't be 'loud'; write error, warning, "
	    "notice, info or debug" },
	{ "pool main { module hello { } workers = many }\n",
	    "a.conf:1: workers can't be 'many'; write a number from 1 to 256, "
	    "or auto" },
	{ "pool main { module hello { }\n\n idle-limit = 75 }\n",
	    "a.conf:3: idle-limit can't be '75'; write a time like 250ms, 30s "
	    "or 5m, from 100ms to 1d" },
	{ "pool main { module hello { } body-max = 1kB }\n",
	    "a.conf:1: body-max can't be '1kB'; write a size like 65536, "
	    "512k, 64M or 2G, from 0 to 1048576G" },
	{ "pool main { module hello { } spares = 17 }\n",
	    "a.conf:1: spares can't be '17'; write a number, from 0 to 16" },
	{ "pool main { module hello { } core-dumps = maybe }\n",
	    "a.conf:1: core-dumps can't be 'maybe'; write on or off" },
	{ "control = \"\"\n" MAIN,
	    "a.conf:1: control can't be ''; write the path of a socket to "
	    "make" },
	{ MAIN "listen \"localhost:80\" { }\n",
	    "a.conf:2: listen: 'localhost:80' is not an address to listen on; "
	    "write 127.0.0.1:8080, [::1]:8080, :8080 for every address, or "
	    "unix:PATH" },
	/* Twice. */
	{ "crash-files = 1\n" MAIN "crash-files = 1\n",
	    "a.conf:3: crash-files: it is set in line 1 already; leave one of "
	    "them out" },
	{ MAIN "pool main { module echo { } }\n",
	    "a.conf:2: two sections here have the title 'main'; give one of "
	    "them another" },
	{ "pool main { module a { }\n module a { } }\n",
	    "a.conf:2: two sections here have the title 'a'; give one of them "
	    "another" },
	{ "pool main { module hello { settings { } settings { } } }\n",
	    "a.conf:1: settings: the module has such a section already; put "
	    "all into one" },
	{ MAIN "site a { hosts = a.b }\nsite b { hosts = { x, A.b } }\n",
	    "a.conf: site \"b\": the host 'A.b' is in site \"a\" already; "
	    "leave one of them out" },
	{ MAIN "site a { hosts = a\n path /x { }\n path /x/ { } }\n",
	    "a.conf:4: path: '/x' and '/x/' are the same; leave one of them "
	    "out" },
	/* References. */
	{ MAIN "listen \":80\" {\n  pool = mian\n}\n",
	    "a.conf:3: pool: there is no pool 'mian'; did you mean 'main'?" },
	{ MAIN "site x { hosts = y pool = foreign }\n",
	    "a.conf:2: pool: there is no pool 'foreign'; write a section pool "
	    "\"foreign\" { ... }, or the name of one that there is" },
	{ MAIN "pool two { module echo { } }\nlisten \":80\" { }\n",
	    "a.conf:3: listen: there are several pools; say which with pool "
	    "= ..." },
	{ MAIN "pool two { module echo { } }\n",
	    "a.conf: there are several pools and no address to listen on; "
	    "write listen \"127.0.0.1:8080\" { pool = \"main\" }" },
	{ MAIN "site x { hosts = y\n modules = { hallo } path /a { } }\n",
	    "a.conf:3: modules: pool 'main' has no module 'hallo'; did you "
	    "mean 'hello'?" },
	{ MAIN "site x { hosts = y path /a {\n modules = { echo } } }\n",
	    "a.conf:3: modules: pool 'main' has no module 'echo'; write a "
	    "section module \"echo\" { ... } into it" },
	/* What makes no sense. */
	{ "", "a.conf: there is no pool; write a section pool \"main\" { ... "
	      "} with the modules to load" },
	{ "pool main { }\n",
	    "a.conf:1: pool: it has no modules; write module \"hello\" { } "
	    "into it" },
	{ "pool \"ma in\" { module hello { } }\n",
	    "a.conf:1: pool: 'ma in' can't be a pool's name; write 1 to 31 "
	    "letters, digits, '_', '.' and '-'" },
	{ "pool main { module \"a b\" { } }\n",
	    "a.conf:1: module \"a b\": the module name 'a b' has characters "
	    "other than letters, digits, '_', '.' and '-'; give another" },
	{ "pool main { module a { optional = yes required = yes } }\n",
	    "a.conf:1: module \"a\": module 'a' can't be both optional and "
	    "required" },
	{ "pool main { module a { settings {\n\n name = b } } }\n",
	    "a.conf:3: name: it is no setting of a module; the module "
	    "section's title is its name" },
	{ "pool main { module a { settings { optional = no } } }\n",
	    "a.conf:1: optional: it is no setting of a module; write it into "
	    "the module section itself" },
	{ MAIN "site x { }\n",
	    "a.conf:2: site: it has no hosts; write hosts = { \"example.org\" "
	    "}, or \"*\" for all that no other site has" },
	{ MAIN "site x { hosts = \"a:80\" }\n",
	    "a.conf:2: hosts: 'a:80' is no host; write a name without a port, "
	    "\"*.\" and a name, or \"*\"" },
	{ MAIN "site x { hosts = a path b { } }\n",
	    "a.conf:2: path can't be 'b'; begin it with / and write it "
	    "without %XX, '?', '//', '/./' and '/../'" },
	{ MAIN "site x { hosts = a path /b/../c { } }\n",
	    "a.conf:2: path can't be '/b/../c'; begin it with / and write it "
	    "without %XX, '?', '//', '/./' and '/../'" },
	{ MAIN "site x { hosts = a deny = 200 }\n",
	    "a.conf:2: deny can't be '200'; write a number, from 400 to "
	    "599" },
	{ MAIN "site x { hosts = a redirect = \"200 /\" }\n",
	    "a.conf:2: redirect can't be '200 /'; write 301, 302, 303, 307 or "
	    "308 and a URL, like \"301 https://example.org$target\"" },
	{ MAIN "site x { hosts = a redirect = \"301 /a\\r\\nX: y\" }\n",
	    "a.conf:2: redirect can't be '301 /a\r\nX: y'; write 301, 302, "
	    "303, 307 or 308 and a URL, like \"301 "
	    "https://example.org$target\"" },
	{ MAIN "site x { hosts = a deny = 404 redirect = \"301 /\" }\n",
	    "a.conf:2: redirect: there is a deny too, and a client gets one "
	    "answer; leave one of them out" },
	/* Syntax. */
	{ "pool main {\n module hello { }\n",
	    "a.conf:2: section pool \"main\" isn't closed: a } is missing "
	    "before the end of the file" },
	{ MAIN "}\n", "a.conf:2: this } closes nothing; leave it out" },
	{ MAIN "control = \"/a\n\n\n",
	    "a.conf:2: the quoted text that begins here has no end" },
	{ "\n/* no end\n" MAIN,
	    "a.conf:2: the comment that begins here has no end" },
	{ MAIN "site x { hosts = *.a }\n",
	    "a.conf:2: what has a * or a + in it must stand in quotes" },
	{ "pool { }\n",
	    "a.conf:1: pool: such a section needs a title; write NAME "
	    "\"TITLE\" { ... }" },
	{ "pool main module\n",
	    "a.conf:1: pool: a { is missing; what belongs to a section stands "
	    "in { }" },
	{ "log-level info\n",
	    "a.conf:1: log-level: a = is missing behind it; write NAME = "
	    "VALUE" },
	{ "log-level += info\n",
	    "a.conf:1: log-level: it is no list; write = instead of +=" },
	{ "log-level = { info }\n",
	    "a.conf:1: '{' can't stand here; write NAME = VALUE or, for a "
	    "list, NAME = { VALUE, VALUE }, and quotes around a value that "
	    "has such letters" },
	{ MAIN "site x { hosts = a, b }\n",
	    "a.conf:2: ',' can't stand here; write NAME = VALUE or, for a "
	    "list, NAME = { VALUE, VALUE }, and quotes around a value that "
	    "has such letters" },
	{ MAIN "control =\n",
	    "a.conf:2: something is missing before the end of the file" },
	{ "control = \"\\999\"\n", "a.conf:1: '\\999' is no byte; write \\\\ "
				   "for a backslash" },
	{ MAIN "\"\" = 2\n",
	    "a.conf: \"\" is no setting's name; write NAME = VALUE" },
	{ "pool main { module hello { settings { \"\" = 2 } } }\n",
	    "a.conf:1: \"\" is no setting's name; write NAME = VALUE" },
	{ "pool main { module hello { settings { \"a=b\" = 2 } } }\n",
	    "a.conf:1: 'a=b' can't be a setting of a module: it has a = in "
	    "it" },
	{ MAIN "\"x|y\" = 2\n",
	    "a.conf:2: x: there is no such setting here; bulkhead "
	    "--describe-config tells which there are" },
	{ "include()\n" MAIN, "a.conf:1: include: write one name, like "
			      "include(\"conf.d/*.conf\")" },
};

static void
tells_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_string_equal(mistakes(bad[i].text), bad[i].line);
}

static void
tells_all_mistakes_in_one_go(void **state)
{
	(void)state;
	assert_string_equal(mistakes("# one\n"
				     "log-levle = info // two\n"
				     "crash-files = 0 /* three\n */\n"
				     "pool main {\n"
				     "  wrokers = 2\n"
				     "  workers = 0\n"
				     "  module hello { optinal = no }\n"
				     "}\n"
				     "listen \":x\" { pool = mian }\n"),
	    "a.conf:2: log-levle: there is no such setting here; did you mean "
	    "log-level?\n"
	    "a.conf:3: crash-files can't be '0'; write a number, from 1 to "
	    "10000\n"
	    "a.conf:6: wrokers: there is no such setting here; did you mean "
	    "workers?\n"
	    "a.conf:7: workers can't be '0'; write a number from 1 to 256, or "
	    "auto\n"
	    "a.conf:8: optinal: there is no such setting here; did you mean "
	    "optional?\n"
	    "a.conf:10: listen: ':x' is not an address to listen on; write "
	    "127.0.0.1:8080, [::1]:8080, :8080 for every address, or "
	    "unix:PATH");
}

static void
loads_with_one_line_of_why(void **state)
{
	struct config *config = config_new();
	struct reason why;
	char line[256];

	(void)state;
	write_file("a.conf", "x = 1\ny = 2\n" MAIN);
	assert_true(config_file_load(path_of("a.conf"), config, &why) < 0);
	(void)snprintf(line, sizeof(line),
	    "%s/a.conf has 2 mistakes; the first is %s/a.conf:1: x: there is "
	    "no such setting here; bulkhead --describe-config tells which "
	    "there are",
	    folder, folder);
	assert_string_equal(why.text, line);
	config_free(config);
	config = config_new();
	write_file("a.conf", MAIN);
	assert_int_equal(config_file_load(path_of("a.conf"), config, &why), 0);
	config_free(config);
	remove_file("a.conf");
}

static void
includes_files(void **state)
{
	struct config *config;

	(void)state;
	write_file("b.conf", "# counts for itself\n\nmodule echo { }\n");
	write_file("c1.part", "crash-files = 5");
	write_file("c2.part", "listen \":80\" { }\n");
	write_file("a.conf",
	    "include(\"c?.part\")\n"
	    "pool main {\n include('b.conf')\n module hello { } }\n"
	    "include(\"none-*.conf\")\n");
	config = read_good();
	assert_int_equal(config->crash_files, 5);
	assert_int_equal(config->listener_count, 1);
	assert_int_equal(config->pools[0]->module_count, 2);
	config_free(config);
	/* A mistake is told with the file that it is in. */
	write_file("b.conf", "module echo { }\n\n\n spares = x\n");
	write_file("c1.part", "crash-files = 0\n");
	write_file("c2.part", "listen \":80\" {\n");
	assert_string_equal(mistakes_of_file(),
	    "c1.part:1: crash-files can't be '0'; write a number, from 1 to "
	    "10000\n"
	    "c2.part:1: section listen \":80\" isn't closed: a } is missing "
	    "before the end of the file\n"
	    "b.conf:4: spares can't be 'x'; write a number, from 0 to 16");
	write_file("c2.part", "");
	assert_string_equal(mistakes_of_file(),
	    "c1.part:1: crash-files can't be '0'; write a number, from 1 to "
	    "10000\n"
	    "b.conf:4: spares can't be 'x'; write a number, from 0 to 16");
	remove_file("b.conf");
	remove_file("c1.part");
	remove_file("c2.part");
	remove_file("a.conf");
}

static void
refuses_files_that_are_none(void **state)
{
	char lines[512];

	(void)state;
	(void)snprintf(lines, sizeof(lines),
	    "a.conf:2: include: %s: can't be read: No such file or directory\n"
	    "a.conf:3: x: there is no such setting here; bulkhead "
	    "--describe-config tells which there are",
	    path_of("no.conf"));
	assert_string_equal(
	    mistakes(MAIN "include(\"no.conf\")\nx = 1\n"), lines);
	assert_string_equal(mistakes(MAIN "include(\"a.conf\")\n"),
	    "a.conf:1: two sections here have the title 'main'; give one of "
	    "them another");
	assert_string_equal(mistakes("include(\"a.conf\")\n"),
	    "a.conf:1: include: more than 8 files in each other");
	write_bytes("a.conf", "log-level\0= info\n", 17);
	assert_string_equal(mistakes_of_file(),
	    "a.conf: it isn't a text: there is a byte 0 in it");
	remove_file("a.conf");
	assert_string_equal(mistakes_of_file(),
	    "a.conf: can't be read: No such file or directory");
	assert_int_equal(mkdir(path_of("a.conf"), 0700), 0);
	assert_string_equal(
	    mistakes_of_file(), "a.conf: it isn't a regular file");
	assert_int_equal(rmdir(path_of("a.conf")), 0);
}

/* A file like the one that failed is read like any other afterwards. */
static void
keeps_nothing_of_a_failure(void **state)
{
	(void)state;
	write_file("b.conf", "pool main { module \"hello\n");
	write_file("a.conf", "include(\"b.conf\")\n");
	for (unsigned i = 0; i < 40; i++)
		assert_string_equal(mistakes_of_file(),
		    "b.conf:1: the quoted text that begins here has no end");
	write_file("b.conf", "pool main { module hello { ");
	for (unsigned i = 0; i < 40; i++)
		(void)mistakes_of_file();
	write_file("b.conf", MAIN);
	config_free(read_good());
	remove_file("a.conf");
	remove_file("b.conf");
}

static void
reads_secrets_from_files(void **state)
{
	const struct config_module *module;
	struct config *config;
	char text[512], line[512];

	(void)state;
	write_file("key", "s3cret, with = in it\r\n");
	assert_int_equal(chmod(path_of("key"), 0640), 0);
	(void)snprintf(text, sizeof(text),
	    "pool main { module a { settings { x = y }\n"
	    "secrets { \n key = \"%s\" } } }\n",
	    path_of("key"));
	config = parse_good(text);
	module = &config->pools[0]->modules[0];
	assert_int_equal(module->setting_count, 2);
	assert_string_equal(module->settings[1], "key=s3cret, with = in it");
	config_free(config);

	assert_int_equal(chmod(path_of("key"), 0644), 0);
	(void)snprintf(line, sizeof(line),
	    "a.conf:3: key: everybody can read %s; chmod o= %s", path_of("key"),
	    path_of("key"));
	assert_string_equal(mistakes(text), line);
	remove_file("key");
	(void)snprintf(line, sizeof(line),
	    "a.conf:3: key: %s can't be read: No such file or directory",
	    path_of("key"));
	assert_string_equal(mistakes(text), line);
}

static void
reads_credentials_of_the_service(void **state)
{
	static const char text[] =
	    "pool main { module a { secrets { key = token } } }\n";
	struct config *config;

	(void)state;
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_string_equal(mistakes(text),
	    "a.conf:1: key: 'token' would be a credential, but there is no "
	    "$CREDENTIALS_DIRECTORY; write a file's whole path, or "
	    "LoadCredential=token:... in the service's unit");
	write_file("token", "abc");
	assert_int_equal(chmod(path_of("token"), 0400), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	config = parse_good(text);
	assert_string_equal(
	    config->pools[0]->modules[0].settings[0], "key=abc");
	config_free(config);
	assert_string_equal(
	    mistakes("pool main { module a { secrets { k = a/b } } }\n"),
	    "a.conf:1: k: 'a/b' is no whole path; begin it with /");
	assert_string_equal(
	    mistakes("pool main { module a { settings { k = 1 }\n"
		     "secrets { k = token } } }\n"),
	    "a.conf:2: k: the module has it in its settings and its secrets; "
	    "leave one of them out");
	remove_file("token");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_section),
		cmocka_unit_test(tells_workers_of_sites),
		cmocka_unit_test(bounds_what_workers_are_told),
		cmocka_unit_test(tells_what_is_wrong),
		cmocka_unit_test(tells_all_mistakes_in_one_go),
		cmocka_unit_test(loads_with_one_line_of_why),
		cmocka_unit_test(includes_files),
		cmocka_unit_test(refuses_files_that_are_none),
		cmocka_unit_test(keeps_nothing_of_a_failure),
		cmocka_unit_test(reads_secrets_from_files),
		cmocka_unit_test(reads_credentials_of_the_service),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests_name(
	    __FILE__, tests, make_folder, remove_folder));
}
