/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel is the witness: how many bytes of a TCP connection have been
 * taken out of it, and put into it, by whoever held it. A worker can die
 * between a recv(2) and the store that says so; the kernel's counts can't.
 */
#ifndef WORKER_WITNESS_H
#define WORKER_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

struct witness {
	uint64_t consumed; /* bytes read from the connection, ever */
	uint64_t written;  /* bytes handed to it, ever */
	bool fin_seen;     /* the peer's FIN has arrived */
	bool fin_sent;     /* ours has been queued */
	bool dead;         /* reset, or wholly closed */
};

/*
 * witness_ask(fd, ret_witness):
 * Nobody else may be reading or writing: its last owner is dead. Returns 0;
 * -ENOTSUP when it isn't TCP; -EAGAIN when the counts wouldn't stand still.
 */
int witness_ask(int fd, struct witness *ret_witness);

#endif
