/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sites: which host and path fall under which rule, and what a malformed list
 * of them is.
 */
#include "worker/site.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Three sites: by names, by wildcards, and for all others. */
#define THREE                                                    \
	"first\0example.org\0WWW.Example.ORG\0\0"                \
	"/\0modules=1\0\0"                                       \
	"/api\0modules=2\0body-max=10\0pending-ns=5\0\0"         \
	"/api/v2/\0modules=4\0\0"                                \
	"/old\0status=301\0location=https://example.org/new\0\0" \
	"\0"                                                     \
	"wild\0*.example.org\0*.deep.example.org\0\0"            \
	"/\0status=403\0\0\0"                                    \
	"other\0*\0\0/\0modules=8\0\0\0"

static void
parse(struct sites *sites, const char *list, size_t size, size_t count)
{
	assert_int_equal(sites_parse(sites, list, size, count), 0);
	assert_int_equal(sites->count, count);
}

static const char *
site_of(const struct sites *sites, const char *host)
{
	const struct site *site = sites_find(sites, host, strlen(host));

	return (site == NULL ? "none" : site->name);
}

static void
finds_a_site_by_its_host(void **state)
{
	static const struct {
		const char *host, *site;
	} cases[] = {
		{ "example.org", "first" },
		{ "EXAMPLE.org", "first" },
		{ "example.org:8080", "first" },
		{ "example.org.", "first" },
		{ "example.org.:80", "first" },
		{ "example.org:", "first" },
		{ "www.example.org", "first" },
		{ "a.example.org", "wild" },
		{ "a.b.example.org", "wild" },
		{ "deep.example.org", "wild" },
		{ ".example.org", "other" },
		{ "xexample.org", "other" },
		{ "example.org.evil", "other" },
		{ "org", "other" },
		{ "", "other" },
		{ ".", "other" },
		{ ":80", "other" },
		{ "[::1]:80", "other" },
	};
	struct sites sites;
	size_t i;

	(void)state;
	parse(&sites, THREE, sizeof(THREE) - 1, 3);
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(
		    site_of(&sites, cases[i].host), cases[i].site);
	sites_free(&sites);
}

/* A name of any length is looked up without harm, and isn't a site's. */
static void
takes_hosts_of_any_length(void **state)
{
	static const char list[] = "a\0*.a\0\0/\0\0\0";
	struct sites sites;
	char host[2 * SITE_HOST_MAX];
	size_t length;

	(void)state;
	memset(host, '.', sizeof(host));
	parse(&sites, list, sizeof(list) - 1, 1);
	for (length = 0; length <= sizeof(host); length++)
		assert_null(sites_find(&sites, host, length));
	memset(host, 'x', sizeof(host));
	memcpy(host + SITE_HOST_MAX - 2, ".a", 2);
	assert_non_null(sites_find(&sites, host, SITE_HOST_MAX));
	assert_null(sites_find(&sites, host + 1, SITE_HOST_MAX + 1));
	sites_free(&sites);
}

/* Of two wildcards the longer one holds, whatever their order. */
static void
prefers_the_longest_wildcard(void **state)
{
	static const char list[] = "short\0*.a.b\0\0/\0\0\0"
				   "long\0*.c.a.b\0\0/\0\0\0"
				   "name\0d.c.a.b\0\0/\0\0\0";
	struct sites sites;

	(void)state;
	parse(&sites, list, sizeof(list) - 1, 3);
	assert_string_equal(site_of(&sites, "x.a.b"), "short");
	assert_string_equal(site_of(&sites, "c.a.b"), "short");
	assert_string_equal(site_of(&sites, "x.c.a.b"), "long");
	assert_string_equal(site_of(&sites, "x.d.c.a.b"), "long");
	assert_string_equal(site_of(&sites, "d.c.a.b"), "name");
	assert_string_equal(site_of(&sites, "b"), "none");
	sites_free(&sites);
}

static void
finds_the_longest_path(void **state)
{
	static const struct {
		const char *path;
		uint32_t modules;
	} cases[] = {
		{ "/", 1 },
		{ "", 1 },
		{ "/apix", 1 },
		{ "/ap", 1 },
		{ "/api", 2 },
		{ "/api/", 2 },
		{ "/api/x", 2 },
		{ "/api/v2", 4 },
		{ "/api/v2/x", 4 },
		{ "/api/v22", 2 },
		{ "//api", 2 },
		{ "/./api/v2", 4 },
		{ "/x/../api", 2 },
		{ "/%61pi%2Fv2", 4 },
		{ "/%2561pi", 1 },
		{ "/api/v2/../x", 2 },
		{ "/api/..", 1 },
		{ "/../../api", 2 },
		{ "/API", 1 },
	};
	struct sites sites;
	const struct site_rule *rule;
	size_t i;

	(void)state;
	parse(&sites, THREE, sizeof(THREE) - 1, 3);
	for (i = 0; i < COUNT(cases); i++) {
		rule = site_find_rule(
		    &sites.list[0], cases[i].path, strlen(cases[i].path));
		assert_int_equal(rule->modules, cases[i].modules);
	}
	rule = site_find_rule(&sites.list[0], "/api", 4);
	assert_int_equal(rule->body_max, 10);
	assert_int_equal(rule->pending_ns, 5);
	assert_int_equal(rule->status, 0);
	rule = site_find_rule(&sites.list[0], "/old", 4);
	assert_int_equal(rule->status, 301);
	assert_string_equal(rule->location, "https://example.org/new");
	assert_int_equal(rule->modules, UINT32_MAX);
	assert_true(rule->body_max == SITE_UNSET);
	rule = site_find_rule(&sites.list[1], "/any", 4);
	assert_int_equal(rule->status, 403);
	sites_free(&sites);
}

/* A module that reads a C string sees "/api" in both. */
static void
refuses_a_path_that_is_two_places(void **state)
{
	static const char *const paths[] = { "/api%00", "/api%00x/v2",
		"/%00" };
	struct sites sites;
	const struct site_rule *rule;
	size_t i;

	(void)state;
	parse(&sites, THREE, sizeof(THREE) - 1, 3);
	for (i = 0; i < COUNT(paths); i++) {
		rule = site_find_rule(
		    &sites.list[0], paths[i], strlen(paths[i]));
		assert_int_equal(rule->status, 400);
	}
	rule = site_find_rule(&sites.list[0], "/api%2500", 9);
	assert_int_equal(rule->status, 0);
	sites_free(&sites);
}

static void
normalises_paths(void **state)
{
	static const struct {
		const char *path, *normal;
	} cases[] = {
		{ "", "" },
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "/a//b///", "/a/b/" },
		{ "/./a/./b/.", "/a/b/" },
		{ "/a/b/..", "/a/" },
		{ "/a/../b", "/b" },
		{ "/..", "/" },
		{ "/../a", "/a" },
		{ "/a/../../b", "/b" },
		{ "/a/b/../../c", "/c" },
		{ "/...", "/..." },
		{ "/.a/..b", "/.a/..b" },
		{ "/%41%7e", "/A~" },
		{ "/%2e%2E/a", "/a" },
		{ "/a%2fb", "/a/b" },
		{ "/%25%34%31", "/%41" },
		{ "/%", "/%" },
		{ "/%4", "/%4" },
		{ "/%zz%4g", "/%zz%4g" },
		/* Never sent: the parser's paths begin with a slash. */
		{ "a/../b", "b" },
		{ "../b", "b" },
	};
	char path[HTTP_TARGET_MAX];
	size_t i, length;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		length = site_path_normalise(
		    cases[i].path, strlen(cases[i].path), path);
		path[length] = '\0';
		assert_string_equal(path, cases[i].normal);
	}
}

/* Whatever is sent, nothing grows, and twice is the same as once. */
static void
normalises_whatever_comes(void **state)
{
	static const char alphabet[] = "/.%2efa";
	char sent[24], once[HTTP_TARGET_MAX], twice[HTTP_TARGET_MAX];
	size_t round, i, length, again;

	(void)state;
	srandom(4);
	for (round = 0; round < 20000; round++) {
		sent[0] = '/';
		for (i = 1; i < sizeof(sent); i++)
			sent[i] =
			    alphabet[(size_t)random() % (COUNT(alphabet) - 1)];
		length = site_path_normalise(sent, sizeof(sent), once);
		assert_true(length >= 1 && length <= sizeof(sent));
		assert_int_equal(once[0], '/');
		assert_null(memmem(once, length, "//", 2));
		assert_null(memmem(once, length, "/./", 3));
		assert_null(memmem(once, length, "/../", 4));
		if (memchr(once, '%', length) != NULL)
			continue; /* decoding once more is another path */
		again = site_path_normalise(once, length, twice);
		assert_int_equal(again, length);
		assert_memory_equal(once, twice, length);
	}
}

static void
refuses_malformed_lists(void **state)
{
	static const struct {
		const char *list;
		size_t size, count;
	} cases[] = {
#define BAD(text, count) { (text), sizeof(text) - 1, (count) }
		BAD("x", 0),
		BAD("", 1),
		BAD("a\0h\0\0/\0\0\0", 2),
		BAD("a\0h\0\0/\0\0\0", 1000000),
		BAD("a\0h\0\0/\0\0", 1),
		BAD("a\0h\0\0/\0\0\0more\0", 1),
		BAD("a\0h\0\0/\0\0\0x", 1),
		BAD("a\0h\0\0\0", 1),
		BAD("a\0h\0\0/x\0\0\0", 1),
		BAD("a\0h\0\0x\0\0\0", 1),
		BAD("a\0h\0\0/\0what=1\0\0\0", 1),
		BAD("a\0h\0\0/\0modules=\0\0\0", 1),
		BAD("a\0h\0\0/\0modules=-1\0\0\0", 1),
		BAD("a\0h\0\0/\0modules=4294967296\0\0\0", 1),
		BAD("a\0h\0\0/\0status=600\0\0\0", 1),
		BAD("a\0h\0\0/\0body-max=18446744073709551616\0\0\0", 1),
#undef BAD
	};
	struct sites sites;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(sites_parse(&sites, cases[i].list,
				     cases[i].size, cases[i].count),
		    -EBADMSG);
		assert_null(sites.list);
	}
	/* Cut off anywhere, it is malformed or whole, never read beyond. */
	for (i = 0; i < sizeof(THREE) - 1; i++)
		assert_int_equal(sites_parse(&sites, THREE, i, 3), -EBADMSG);
}

static void
knows_no_sites(void **state)
{
	struct sites sites;

	(void)state;
	parse(&sites, NULL, 0, 0);
	assert_string_equal(site_of(&sites, "a"), "none");
	sites_free(&sites);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_site_by_its_host),
		cmocka_unit_test(takes_hosts_of_any_length),
		cmocka_unit_test(prefers_the_longest_wildcard),
		cmocka_unit_test(finds_the_longest_path),
		cmocka_unit_test(refuses_a_path_that_is_two_places),
		cmocka_unit_test(normalises_paths),
		cmocka_unit_test(normalises_whatever_comes),
		cmocka_unit_test(refuses_malformed_lists),
		cmocka_unit_test(knows_no_sites),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL));
}
