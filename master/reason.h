/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why something could not be done, as one line for the operator. It is made
 * where the details are known and logged where it is known what the failure
 * means, so that a failed start says exactly one thing.
 */
#ifndef MASTER_REASON_H
#define MASTER_REASON_H

enum {
	REASON_TEXT = 1024
};

struct reason {
	char text[REASON_TEXT];
};

/*
 * reason_set(reason, error, format, ...):
 * Store the line, cut to fit, and return ${error}, so that a failing function
 * can say and return it in one statement.
 */
int reason_set(struct reason *reason, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
