/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What survives an exec comes back as it was, or not at all.
 */
#include "master/kept.h"
#include "tests/unit/master/test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
any_bytes_come_back(void **state)
{
	struct kept kept, read;
	struct reason why;
	const json_t *list;
	char bytes[256];
	int fd;

	(void)state;
	for (int i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	bytes[255] = '\0';
	assert_int_equal(kept_new(&kept), 0);
	kept_set(kept.root, "text", kept_string(bytes));
	kept_set(kept.root, "number", json_integer(-7));
	kept_set(kept.root, "list",
	    json_pack("[o,o]", kept_string("caf\xe9"),
		kept_string("caf\xc3\xa9")));
	assert_int_equal(kept_write(&kept, &fd), 0);
	kept_free(&kept);
	assert_int_equal(kept_read(fd, &read, &why), 0);
	assert_string_equal(kept_text(read.root, "text"), bytes);
	assert_int_equal(kept_number(read.root, "number", 0), -7);
	list = json_object_get(read.root, "list");
	assert_string_equal(
	    json_string_value(json_array_get(list, 0)), "caf\xe9");
	assert_string_equal(
	    json_string_value(json_array_get(list, 1)), "caf\xc3\xa9");
	kept_free(&read);
	(void)close(fd);
}

static void
what_is_not_ours_is_not_read(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"fds\":1}" };
	struct kept kept;
	struct reason why;
	size_t length;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		fd = memfd_create("kept", MFD_CLOEXEC);
		assert_true(fd != -1);
		length = strlen(texts[i]);
		assert_int_equal(write(fd, texts[i], length), length);
		kept.root = kept.fds = NULL;
		assert_int_equal(kept_read(fd, &kept, &why), -EINVAL);
		assert_null(kept.root);
		assert_null(kept.fds);
		(void)close(fd);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(what_is_not_ours_is_not_read),
	};

	return (RUN_TESTS(argc, argv, tests));
}
