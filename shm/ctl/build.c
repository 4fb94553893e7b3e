/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all JSON of bulkheadctl is made with. Names come from stats.def and
 * operations.def, so a figure that is added there appears here. Every
 * operation and figure is always present: a program needn't ask whether it is.
 */
#include "shm/ctl/build.h"

#include "shm/activity.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
	TEXT_MAX = 1024
};

void
build_put(struct builder *b, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) != 0)
		b->failed = true;
}

void
build_append(struct builder *b, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		b->failed = true;
}

void
build_put_number(
    struct builder *b, json_t *object, const char *name, uint64_t number)
{
	/* jansson's integers are signed; a corrupt figure must not turn. */
	build_put(b, object, name,
	    json_integer((json_int_t)(number & (uint64_t)INT64_MAX)));
}

json_t *
build_text(const char *text, size_t length)
{
	char clean[TEXT_MAX];
	size_t i;

	for (i = 0; i < length && i < sizeof(clean) - 1; i++)
		clean[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	clean[i] = '\0';
	return (json_string(clean));
}

void
build_put_text(
    struct builder *b, json_t *object, const char *name, const char *text)
{
	build_put(b, object, name, build_text(text, strlen(text)));
}

void
build_put_request(
    struct builder *b, json_t *object, const char *name, uint64_t request)
{
	char text[48];

	if (request == 0) {
		build_put(b, object, name, json_null());
		return;
	}
	(void)snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64,
	    request >> REQUEST_COUNT_BITS, request & UINT32_MAX);
	build_put_text(b, object, name, text);
}

static json_t *
build_buckets(struct builder *b, const struct histogram *histogram)
{
	json_t *array = json_array(), *pair;
	uint32_t i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i] == 0)
			continue;
		pair = json_array();
		build_append(b, pair,
		    i == HISTOGRAM_OVER
			? json_null()
			: json_integer((json_int_t)histogram_bound(i)));
		build_append(b, pair,
		    json_integer((json_int_t)(histogram->buckets[i] &
					      (uint64_t)INT64_MAX)));
		build_append(b, array, pair);
	}
	return (array);
}

static json_t *
build_histograms(struct builder *b, const struct histogram *histograms,
    const struct stat_info *info, size_t count, bool buckets)
{
	json_t *object = json_object(), *o;
	const struct histogram *h;
	size_t i;

	for (i = 0; i < count; i++) {
		h = &histograms[i];
		o = json_object();
		build_put_number(b, o, "count", histogram_count(h));
		build_put_number(b, o, "sum_ns", h->sum);
		build_put_number(b, o, "p50_ns", histogram_quantile(h, 500));
		build_put_number(b, o, "p90_ns", histogram_quantile(h, 900));
		build_put_number(b, o, "p99_ns", histogram_quantile(h, 990));
		build_put_number(b, o, "p999_ns", histogram_quantile(h, 999));
		if (buckets)
			build_put(b, o, "buckets", build_buckets(b, h));
		build_put(b, object, info[i].name, o);
	}
	return (object);
}

json_t *
build_module(
    struct builder *b, const struct figures_module *module, bool buckets)
{
	json_t *o = json_object();
	size_t i;

	build_put_text(b, o, "name", module->name);
	if (module->pool[0] != '\0')
		build_put_text(b, o, "pool", module->pool);
	for (i = 0; i < MODULE_FIGURES; i++)
		build_put_number(
		    b, o, module_stat_info[i].name, module->stats[i]);
	build_put(b, o, "histograms",
	    build_histograms(b, module->histograms, module_histogram_info,
		MODULE_HISTOGRAMS, buckets));
	return (o);
}

void
build_put_figures(struct builder *b, json_t *object,
    const struct figures *figures, bool buckets)
{
	json_t *modules, *o;
	size_t i;

	o = json_object();
	for (i = 0; i < WORKER_FIGURES; i++)
		build_put_number(
		    b, o, worker_stat_info[i].name, figures->stats[i]);
	build_put(b, object, "stats", o);
	build_put(b, object, "histograms",
	    build_histograms(b, figures->histograms, worker_histogram_info,
		WORKER_HISTOGRAMS, buckets));
	o = json_object();
	for (i = 0; i < SEGMENT_OPERATIONS; i++)
		if (operation_name((uint16_t)i) != NULL)
			build_put_number(b, o, operation_name((uint16_t)i),
			    figures->completions[i]);
	build_put(b, object, "completions", o);
	modules = json_array();
	for (i = 0; i < figures->module_count; i++)
		build_append(
		    b, modules, build_module(b, &figures->modules[i], buckets));
	build_put(b, object, "modules", modules);
}

int
build_write(const struct builder *b, json_t *root, size_t flags, FILE *out)
{
	int error = 0;

	errno = 0;
	if (b->failed)
		error = -ENOMEM;
	else if (json_dumpf(root, out, flags) != 0 || fputc('\n', out) == EOF ||
		 fflush(out) == EOF)
		error = errno != 0 ? -errno : -EIO;
	json_decref(root);
	return (error);
}
