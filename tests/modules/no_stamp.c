/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * no_stamp: a shared object like any other, without BH_MODULE().
 */
extern const int no_stamp;
const int no_stamp = 1;
