/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All settings by name, for -o NAME=VALUE, for the configuration file and for
 * what is written about them. settings.def has them all.
 */
#ifndef MASTER_SETTINGS_H
#define MASTER_SETTINGS_H

#include "master/config.h"
#include "master/reason.h"

enum {
	SETTINGS_HELP = 8192, /* enough for all of them */
	SETTING_ROOM =
	    160, /* bytes, for a default, or for what a value may be */
};

enum setting_kind {
	SETTING_TIME,    /* uint64_t, milliseconds */
	SETTING_COUNT,   /* uint64_t */
	SETTING_SIZE,    /* uint64_t, bytes */
	SETTING_SWITCH,  /* bool */
	SETTING_PATH,    /* char * */
	SETTING_TEXT,    /* char * */
	SETTING_LIST,    /* struct config_list */
	SETTING_WORKERS, /* uint32_t; 0: auto */
	SETTING_LEVEL,   /* int, of syslog */
};

/* In which section of the file it stands, and what struct it is a field of. */
enum setting_scope {
	SCOPE_SERVER, /* no section, or -o; struct config */
	SCOPE_POOL,   /* pool, or -o; struct config_pool */
	SCOPE_LISTEN, /* listen; struct settings_listen */
	SCOPE_MODULE, /* module; struct settings_module */
	SCOPE_SITE,   /* site; struct config_site */
	SCOPE_RULE,   /* site and path; struct config_rule */
	SCOPE_COUNT,
};

struct settings_listen {
	char *pool;
};

struct settings_module {
	char *file;
	bool optional, required;
};

struct setting {
	const char *name;
	const char *form;    /* TEXT, LIST: what to write; else NULL */
	const char *example; /* PATH, TEXT, LIST: a value; else NULL */
	const char *help;
	enum setting_kind kind;
	enum setting_scope scope;
	size_t offset; /* in the scope's struct */
	uint64_t least, most, initial;
};

/* settings_list(ret_count): all, in the order of the definition. */
const struct setting *settings_list(size_t *ret_count);

/*
 * settings_init_scope(owner, scope), settings_free_scope(owner, scope):
 * The defaults in a new struct of that scope; what they own in it.
 */
void settings_init_scope(void *owner, enum setting_scope scope);
void settings_free_scope(void *owner, enum setting_scope scope);

/* The same for the two that there always are. */
void settings_init(struct config *config);
void settings_init_pool(struct config_pool *pool);
void settings_free(struct config *config);
void settings_free_pool(struct config_pool *pool);

/*
 * setting_apply(setting, owner, text, why):
 * Give it the value ${text}, an item more in a list. Returns 0, -EINVAL with
 * "NAME can't be '...'; write ..." in ${why}, or -ENOMEM.
 */
int setting_apply(const struct setting *setting, void *owner, const char *text,
    struct reason *why);

/*
 * settings_set(config, pool, text, why):
 * Follow -o's "name=value"; what is a pool's is set in ${pool}. Of two with the
 * same name the later holds. Returns 0, -EINVAL with the line in ${why}, or
 * -ENOMEM.
 */
int settings_set(struct config *config, struct config_pool *pool,
    const char *text, struct reason *why);

/*
 * setting_default(setting, ret_text): the default as it would be written, ""
 * when there is none. setting_form(setting, ret_text): "a time like 250ms, 30s
 * or 5m, from 10ms to 1d".
 */
void setting_default(
    const struct setting *setting, char ret_text[static SETTING_ROOM]);
void setting_form(
    const struct setting *setting, char ret_text[static SETTING_ROOM]);

/*
 * settings_help(ret_text): a line or two a setting of -o, with its default,
 * into SETTINGS_HELP bytes.
 */
void settings_help(char ret_text[static SETTINGS_HELP]);

/* config_list_add(list, text), config_list_free(list): 0 or -ENOMEM. */
int config_list_add(struct config_list *list, const char *text);
void config_list_free(struct config_list *list);

#endif
