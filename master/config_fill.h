/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file's settings and sections make of a struct config. The parser
 * tells settings as it meets them and sections as they end, the inner before
 * the outer; so what belongs to a section is gathered until its end.
 */
#ifndef MASTER_CONFIG_FILL_H
#define MASTER_CONFIG_FILL_H

#include "master/config_errors.h"
#include "master/sections.h"

enum {
	FILL_SETTINGS_MAX = 64, /* in the definition of one section */
};

/* A name that is looked up when the whole file is known. */
struct fill_reference {
	struct place place;
	char *pool;               /* the name, or NULL: the only one ... */
	uint32_t *ret_pool;       /* ... and where its index goes */
	const char *what;         /* for the message: "listen", "site" */
	struct config_site *site; /* whose rule's modules these are, or NULL */
	size_t rule;
};

struct fill {
	struct config *config;
	struct config_errors *errors;
	/* What is being gathered. */
	struct settings_listen listen;
	struct settings_module module;
	struct config_list module_settings; /* "key=value" */
	struct config_pool *pool;
	struct config_site *site;
	struct config_rule rule;
	/* Where each setting of a section stood: a line, or 0. */
	int lines[SECTION_COUNT][FILL_SETTINGS_MAX];
	struct fill_reference *references;
	size_t reference_count;
};

/* fill_init(fill, config, errors), fill_free(fill): what it has gathered. */
void fill_init(
    struct fill *fill, struct config *config, struct config_errors *errors);
void fill_free(struct fill *fill);

/*
 * fill_set(fill, place, id, name, text, more):
 * A setting of a section that isn't free; ${more}: another item of its list.
 */
void fill_set(struct fill *fill, struct place place, enum section_id id,
    const char *name, const char *text, bool more);

/*
 * fill_set_free(fill, place, id, key, text): of one that is.
 */
void fill_set_free(struct fill *fill, struct place place, enum section_id id,
    const char *key, const char *text);

/*
 * fill_end(fill, place, id, title): a section that isn't free has ended.
 */
void fill_end(struct fill *fill, struct place place, enum section_id id,
    const char *title);

/* fill_finish(fill, place): the file has ended: look up names. */
void fill_finish(struct fill *fill, struct place place);

/*
 * For config_site.c: a name to be looked up in the end (its pool is copied),
 * and where a setting of the section stood, or else ${place}.
 */
void fill_refer(struct fill *fill, struct fill_reference reference);
struct place fill_line(const struct fill *fill, struct place place,
    enum section_id id, const char *name);

#endif
