/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How bulkheadctl shows a report's operations, and a corrupt segment.
 */
#include "shm/ctl/crashes.h"

#include "sample.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What crashes_show() makes of a report with these members, to be freed. */
static char *
show(const char *members)
{
	char folder[] = "/tmp/bulkhead-shown-XXXXXX", sub[64], path[96];
	char error[256] = "", *text = NULL;
	size_t size;
	FILE *file;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(sub, sizeof(sub), "%s/crashes", folder);
	(void)snprintf(path, sizeof(path), "%s/one.json", sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fprintf(file, "{ \"id\": \"one\", %s }", members);
	assert_int_equal(fclose(file), 0);
	file = open_memstream(&text, &size);
	assert_non_null(file);
	assert_int_equal(
	    crashes_show(folder, "one", false, file, error, sizeof(error)), 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(sub), 0);
	assert_int_equal(rmdir(folder), 0);
	return (text);
}

static void
expect(const char *members, const char *words)
{
	char *text = show(members);

	if (strstr(text, words) == NULL)
		fail_msg("no '%s' in:\n%s", words, text);
	free(text);
}

static void
operations_are_counted_and_listed(void **state)
{
	static const char report[] =
	    "\"operations\": { \"done\": 1, \"in_flight\": 40, \"list\": [ "
	    "{ \"state\": \"done\", \"operation\": \"flush\", \"slot\": 3, "
	    "\"request\": \"1-7\", \"client\": \"[::1]:5\", "
	    "\"completer\": 2, \"bytes\": 9, \"status\": -32 }, "
	    "{ \"state\": \"in_flight\", \"operation\": \"po\\u001bst\", "
	    "\"slot\": 4, \"request\": null, \"client\": null, "
	    "\"completer\": null, \"bytes\": null, \"status\": null } ], "
	    "\"not_listed\": 39 }";

	(void)state;
	expect(
	    report, "\noperations  1 done but not dispatched, 40 in flight\n");
	expect(report, "  done        flush               slot 3       request "
		       "1-7         "
		       "[::1]:5, by 2, 9 bytes, status -32\n");
	expect(report, "  in_flight   po?st               slot 4       request "
		       "-           "
		       "-\n  and 39 more\n");
	expect("\"operations\": { \"list\": [] }", "\noperations  none\n");
}

static void
a_corrupt_segment_is_shown_with_the_rule(void **state)
{
	(void)state;
	expect("\"segment\": \"corrupt\", \"violations\": 3, "
	       "\"violation\": \"a record's owner is no producer: 101\"",
	    "\nsegment     corrupt: a record's owner is no producer: 101 "
	    "(of 3 violations)\n");
}

/* And a report of a server that didn't tell of either. */
static void
what_is_not_told_is_not_shown(void **state)
{
	char *text = show("\"segment\": \"whole\"");

	(void)state;
	assert_null(strstr(text, "segment"));
	assert_null(strstr(text, "operations"));
	free(text);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(operations_are_counted_and_listed),
	cmocka_unit_test(a_corrupt_segment_is_shown_with_the_rule),
	cmocka_unit_test(what_is_not_told_is_not_shown),
};

UNIT_MAIN(tests)
