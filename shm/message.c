/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The envelope of every message: made here, and checked here before anybody
 * looks inside. Any process.
 */
#include "shm/message.h"

#include <errno.h>
#include <string.h>

void
message_init(struct message_header *header, enum message_type type,
    uint32_t count, uint32_t size)
{
	*header = (struct message_header){
		.magic = MESSAGE_MAGIC,
		.version = MESSAGE_VERSION,
		.type = (uint16_t)type,
		.count = count,
		.size = size,
	};
}

int
message_check(const void *bytes, size_t size, size_t item_size)
{
	struct message_header header;

	if (size < sizeof(header) || size > MESSAGE_MAX)
		return (-EBADMSG);
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != MESSAGE_MAGIC ||
	    header.version != MESSAGE_VERSION || header.type == 0 ||
	    header.size != size - sizeof(header))
		return (-EBADMSG);
	if (item_size == 0)
		return (header.count == 0 ? header.type : -EBADMSG);
	/* By division: a count from the peer times a size could wrap. */
	if (header.size % item_size != 0 ||
	    header.size / item_size != header.count)
		return (-EBADMSG);
	return (header.type);
}
