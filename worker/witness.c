/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel knows of a TCP connection. Runs in a successor.
 */
#include "worker/witness.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
	/* Segments arrive between two looks; under load 1 % of them missed. */
	TRIES = 64,
};

/* <netinet/tcp.h> has these names but not the counts; tcp_states.h is the
 * kernel's own. */
enum state {
	ESTABLISHED = 1,
	FIN_WAIT1 = 4,
	FIN_WAIT2 = 5,
	TIME_WAIT = 6,
	CLOSE = 7,
	CLOSE_WAIT = 8,
	LAST_ACK = 9,
	CLOSING = 11,
};

static int
tcp_info(int fd, struct tcp_info *ret_info)
{
	socklen_t size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret_info, &size) == -1)
		return (-ENOTSUP);
	return (0);
}

static bool
stood_still(const struct tcp_info *before, const struct tcp_info *after)
{
	return (before->tcpi_state == after->tcpi_state &&
		before->tcpi_bytes_received == after->tcpi_bytes_received &&
		before->tcpi_bytes_acked == after->tcpi_bytes_acked);
}

/* A FIN takes a place in the sequence, and so in the kernel's counts. */
static void
conclude(const struct tcp_info *info, int unread, int unacked,
    struct witness *ret_witness)
{
	const int state = info->tcpi_state;

	ret_witness->dead = state == CLOSE || state == TIME_WAIT;
	ret_witness->fin_seen = state == CLOSE_WAIT || state == LAST_ACK ||
				state == CLOSING || ret_witness->dead;
	ret_witness->fin_sent = state == FIN_WAIT1 || state == FIN_WAIT2 ||
				state == LAST_ACK || state == CLOSING ||
				ret_witness->dead;
	ret_witness->consumed = (uint64_t)info->tcpi_bytes_received -
				(uint64_t)unread -
				(uint64_t)ret_witness->fin_seen;
	ret_witness->written = (uint64_t)info->tcpi_bytes_acked +
			       (uint64_t)unacked -
			       (uint64_t)ret_witness->fin_sent;
}

int
witness_ask(int fd, struct witness *ret_witness)
{
	struct tcp_info before, after;
	int unread, unacked, tries;

	if (tcp_info(fd, &before) != 0)
		return (-ENOTSUP);
	for (tries = 0; tries < TRIES; tries++) {
		if (ioctl(fd, SIOCINQ, &unread) == -1 ||
		    ioctl(fd, SIOCOUTQ, &unacked) == -1 ||
		    tcp_info(fd, &after) != 0)
			return (-ENOTSUP);
		if (stood_still(&before, &after)) {
			conclude(&after, unread, unacked, ret_witness);
			return (0);
		}
		before = after;
	}
	return (-EAGAIN);
}
