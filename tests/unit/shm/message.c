/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages: the envelope is believed only when all of it agrees.
 */
#include "unit.h"

#include "shm/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ITEMS = 3
};

struct taken {
	struct message_header header;
	struct message_slot slots[ITEMS];
};

static struct taken
message_taken(void)
{
	struct taken message;

	memset(&message, 0, sizeof(message));
	message_init(
	    &message.header, MESSAGE_TAKEN, ITEMS, sizeof(message.slots));
	return (message);
}

static int
check(const struct taken *message, size_t size)
{
	return (message_check(message, size, sizeof(struct message_slot)));
}

static void
a_whole_message_tells_its_type(void **state)
{
	const struct taken message = message_taken();
	struct message_header plain;

	(void)state;
	assert_int_equal(MESSAGE_TAKEN, check(&message, sizeof(message)));
	message_init(&plain, MESSAGE_START, 0, 0);
	assert_int_equal(
	    MESSAGE_START, message_check(&plain, sizeof(plain), 0));
	assert_int_equal(MESSAGE_START,
	    message_check(&plain, sizeof(plain), sizeof(struct message_slot)));
}

static void
text_may_have_any_size_but_no_items(void **state)
{
	struct taken message = message_taken();

	(void)state;
	message_init(&message.header, MESSAGE_FAILED, 0, sizeof(message.slots));
	assert_int_equal(
	    MESSAGE_FAILED, message_check(&message, sizeof(message), 0));
	message.header.count = 1;
	assert_int_equal(-EBADMSG, message_check(&message, sizeof(message), 0));
}

static void
a_message_of_another_length_is_refused(void **state)
{
	const struct taken message = message_taken();
	size_t size;

	(void)state;
	for (size = 0; size < sizeof(message); size++)
		assert_int_equal(-EBADMSG, check(&message, size));
}

static void
a_message_with_any_bit_of_its_figures_wrong_is_refused(void **state)
{
	const struct taken good = message_taken();
	struct taken bad;
	size_t i;
	int bit;

	(void)state;
	for (i = 0; i < sizeof(struct message_header); i++) {
		if (i == offsetof(struct message_header, type))
			i += sizeof(good.header.type); /* any but 0 */
		for (bit = 0; bit < 8; bit++) {
			bad = good;
			((uint8_t *)&bad)[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(-EBADMSG, check(&bad, sizeof(bad)));
		}
	}
	bad = good;
	bad.header.type = 0;
	assert_int_equal(-EBADMSG, check(&bad, sizeof(bad)));
}

static void
a_count_that_wraps_with_its_size_is_refused(void **state)
{
	struct taken message = message_taken();

	(void)state;
	/* 0x10000003 * 16 is 48 in 32 bits. */
	message.header.count = 0x10000000 + ITEMS;
	assert_int_equal(-EBADMSG, check(&message, sizeof(message)));
	assert_int_equal(
	    -EBADMSG, message_check(&message, sizeof(message), SIZE_MAX / 2));
}

static void
items_that_are_not_whole_are_refused(void **state)
{
	uint8_t bytes[sizeof(struct taken) + 1];
	struct taken message = message_taken();

	(void)state;
	message.header.size++;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &message, sizeof(message));
	assert_int_equal(-EBADMSG,
	    message_check(bytes, sizeof(bytes), sizeof(struct message_slot)));
}

static void
a_message_longer_than_the_limit_is_refused(void **state)
{
	struct message_header *header;

	(void)state;
	header = calloc(1, MESSAGE_MAX + 1);
	assert_non_null(header);
	message_init(header, MESSAGE_BOOT, 0, MESSAGE_MAX - sizeof(*header));
	assert_int_equal(MESSAGE_BOOT, message_check(header, MESSAGE_MAX, 0));
	header->size++;
	assert_int_equal(-EBADMSG, message_check(header, MESSAGE_MAX + 1, 0));
	free(header);
}

static void
a_message_need_not_be_aligned(void **state)
{
	const struct taken message = message_taken();
	uint8_t bytes[sizeof(message) + 1];

	(void)state;
	memcpy(bytes + 1, &message, sizeof(message));
	assert_int_equal(
	    MESSAGE_TAKEN, message_check(bytes + 1, sizeof(message),
			       sizeof(struct message_slot)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_whole_message_tells_its_type),
	cmocka_unit_test(text_may_have_any_size_but_no_items),
	cmocka_unit_test(a_message_of_another_length_is_refused),
	cmocka_unit_test(
	    a_message_with_any_bit_of_its_figures_wrong_is_refused),
	cmocka_unit_test(a_count_that_wraps_with_its_size_is_refused),
	cmocka_unit_test(items_that_are_not_whole_are_refused),
	cmocka_unit_test(a_message_longer_than_the_limit_is_refused),
	cmocka_unit_test(a_message_need_not_be_aligned),
};

UNIT_MAIN(tests)
