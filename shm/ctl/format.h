/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures, addresses and names as people read them. Text of segments is
 * printable when it comes from here.
 */
#ifndef SHM_CTL_FORMAT_H
#define SHM_CTL_FORMAT_H

#include "shm/ctl/collect.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	FORMAT_SIZE = 64, /* enough for each of these but names */
};

/*
 * format_duration(ns, ret_text, size): "-" for 0, "640 ns", "12.3 us",
 * "1.50 ms", "12.0 s".
 */
void format_duration(uint64_t ns, char *ret_text, size_t size);

/* format_age(since_ns, now_ns, ...): "42 s", "7 min", "3 h", "12 d". */
void format_age(
    uint64_t since_ns, uint64_t now_ns, char *ret_text, size_t size);

/* format_count(n, ...): "0", "999", "12.3k", "4.56M". */
void format_count(double n, char *ret_text, size_t size);

/* format_bytes(n, ...): "0 B", "12.3 KiB". */
void format_bytes(uint64_t n, char *ret_text, size_t size);

/* format_request(id, ...): "3-17", or "-" for 0. */
void format_request(uint64_t id, char *ret_text, size_t size);

/* format_client(peer, ...): "192.0.2.1", "2001:db8::1", "unix", or "?". */
void format_client(const struct slot_peer *peer, char *ret_text, size_t size);

/* format_stand(stand): "running", "pending", "reading body" ... */
const char *format_stand(enum collect_stand stand);

/* format_print(out, text, width): printable, and spaces up to ${width}. */
void format_print(FILE *out, const char *text, int width);

#endif
