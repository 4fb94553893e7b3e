/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sites of a configuration: what makes them valid, and how they are told
 * to the workers.
 */
#ifndef MASTER_CONFIG_SITE_H
#define MASTER_CONFIG_SITE_H

#include "master/config_fill.h"

/* config_site_new(): a site with its own rule, or NULL. */
struct config_site *config_site_new(void);
void config_site_free(struct config_site *site);

/*
 * config_site_end(fill, place, title), config_path_end(fill, place, path):
 * The end of a site's section, and of a path's in it: for config_fill.c.
 */
void config_site_end(struct fill *fill, struct place place, const char *title);
void config_path_end(struct fill *fill, struct place place, const char *path);

/*
 * config_site_find_modules(fill, reference): when the pools are known: a rule's
 * names of modules become a mask. config_site_check_hosts(fill, place): no host
 * is in two sites of a pool.
 */
void config_site_find_modules(
    struct fill *fill, const struct fill_reference *reference);
void config_site_check_hosts(struct fill *fill, struct place place);

/*
 * config_site_check_size(fill, place): the sites of each pool can be told to
 * its workers in one message.
 */
void config_site_check_size(struct fill *fill, struct place place);

/*
 * config_redirect(text, ret_url): the status of "301 URL", or 0 when it is
 * none that redirects or the URL can't be sent.
 */
unsigned config_redirect(const char *text, const char **ret_url);

/*
 * config_site_write(site, add, list, used):
 * The site as BOOT tells it (shm/message.h), a string at a time through
 * ${add}(list, used, string), which returns the new count of bytes used.
 */
size_t config_site_write(const struct config_site *site,
    size_t (*add)(char *list, size_t used, const char *string), char *list,
    size_t used);

#endif
