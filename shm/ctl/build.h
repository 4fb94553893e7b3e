/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building JSON with one check at the end: jansson takes ownership of values
 * and answers -1 to a NULL value or a full heap, and `failed` collects these.
 */
#ifndef SHM_CTL_BUILD_H
#define SHM_CTL_BUILD_H

#include "shm/ctl/figures.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct builder {
	bool failed;
};

/* build_put(builder, object, name, value): takes ${value}. */
void build_put(
    struct builder *b, json_t *object, const char *name, json_t *value);

/* build_append(builder, array, value): takes ${value}. */
void build_append(struct builder *b, json_t *array, json_t *value);

/* build_put_number(): numbers beyond 2^63 - 1 lose their first bit. */
void build_put_number(
    struct builder *b, json_t *object, const char *name, uint64_t number);

/*
 * build_text(text, length): a string, with '?' for what a program or a
 * terminal shall not get: text of a segment may hold anything.
 */
json_t *build_text(const char *text, size_t length);
void build_put_text(
    struct builder *b, json_t *object, const char *name, const char *text);

/*
 * build_put_request(builder, object, name, request): "3-17", null for 0.
 */
void build_put_request(
    struct builder *b, json_t *object, const char *name, uint64_t request);

/*
 * build_module(builder, module, buckets): its name, figures and histograms.
 */
json_t *build_module(
    struct builder *b, const struct figures_module *module, bool buckets);

/*
 * build_put_figures(builder, object, figures, buckets):
 * Members stats, completions, histograms, modules. A histogram has count,
 * sum_ns, p50_ns, p90_ns, p99_ns, p999_ns; with ${buckets} also those that
 * aren't empty, as pairs of the first ns beyond (null: no bound) and a count.
 */
void build_put_figures(struct builder *b, json_t *object,
    const struct figures *figures, bool buckets);

/*
 * build_write(builder, root, flags, out):
 * Write ${root} with a newline and free it; flags are jansson's, such as
 * JSON_INDENT(2). Returns 0, -ENOMEM when anything
 * has failed before, or -errno.
 */
int build_write(const struct builder *b, json_t *root, size_t flags, FILE *out);

#endif
