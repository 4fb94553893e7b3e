/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file, by libconfuse. It parses; what the settings and
 * sections mean is config_fill.c's business, told by its callbacks.
 *
 * All sections are read as ones whose names are free (CFGF_KEYSTRVAL): so an
 * unknown setting is told to on_error() and the parser goes on behind it.
 */
#include "master/config_file.h"

#include "master/config_complain.h"
#include "master/config_fill.h"
#include "master/config_text.h"
#include "shm/base/log.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <confuse.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	INCLUDE_DEPTH = 8,
};

/* One file that is being read. */
struct source {
	struct source *includer;
	const char *path;
	const cfg_t *section; /* that it began in */
	int lines;
	bool ended; /* its end has come */
};

/* The callbacks get no argument of ours. */
static struct reader {
	struct fill fill;
	struct config_errors *errors;
	struct source *source;
	struct config_list paths; /* places point to them */
	struct config_list keys;  /* of the free section that is read */
	int *key_lines;           /* and where they stood */
	bool seen_free[SECTION_COUNT];
	char unknown[64]; /* the last name that nobody knows */
} * reader;

static struct place
place_of(const cfg_t *cfg)
{
	struct place place = { .file = "", .line = cfg->line };

	if (reader->source != NULL) {
		place.file = reader->source->path;
		if (place.line > reader->source->lines)
			place.line = reader->source->lines;
	}
	return (place);
}

static bool
is_mark(const char *name)
{
	return (strcmp(name, CONFIG_TEXT_END) == 0);
}

static void
complain_syntax(const cfg_t *cfg, const char *format, const char *argument)
{
	/* An unknown section: its name was the mistake, this only follows. */
	if (*argument != '\0' && strcmp(argument, reader->unknown) == 0)
		return;
	if (is_mark(argument))
		format = "premature end of file";
	config_complain_syntax(reader->errors, place_of(cfg), format, argument);
}

/* A new key of a free section; its value comes with the section's end. */
static void
note_key(const cfg_t *cfg, const char *key)
{
	int *lines;

	lines = reallocarray(reader->key_lines, reader->keys.count + 1,
	    sizeof(*reader->key_lines));
	if (lines == NULL || config_list_add(&reader->keys, key) != 0) {
		config_error(reader->errors, place_of(cfg), "out of memory");
		return;
	}
	reader->key_lines = lines;
	lines[reader->keys.count - 1] = cfg->line;
}

static int
line_of_key(const char *key, int otherwise)
{
	for (size_t i = 0; i < reader->keys.count; i++)
		if (strcmp(reader->keys.items[i], key) == 0)
			return (reader->key_lines[i]);
	return (otherwise);
}

static void
on_error(cfg_t *cfg, const char *format, va_list arguments)
{
	const char *argument = "";

	if (strstr(format, "%s") != NULL)
		argument = va_arg(arguments, const char *);
	if (strncmp(format, "no such option", 14) != 0 &&
	    strncmp(format, "no sub-section", 14) != 0) {
		complain_syntax(cfg, format, argument);
	} else if (!sections[section_find(cfg->name)].free) {
		config_complain_unknown(reader->errors, place_of(cfg),
		    section_find(cfg->name), argument);
		(void)strlcpy(
		    reader->unknown, argument, sizeof(reader->unknown));
	} else if (strncmp(format, "no such option", 14) == 0) {
		note_key(cfg, argument);
	}
}

static int
on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const bool more = (opt->flags & CFGF_LIST) != 0 && opt->nvalues > 1;

	if (is_mark(value)) {
		complain_syntax(cfg, "premature end of file", "");
		return (-1);
	}
	fill_set(&reader->fill, place_of(cfg), section_find(cfg->name),
	    opt->name, value, more);
	*(const char **)result = value;
	return (0); /* so that the rest is looked at too */
}

/* What a module's section of free names has. */
static void
take_free(const cfg_t *cfg, cfg_t *section, enum section_id id)
{
	struct place place = place_of(cfg);
	cfg_opt_t *opt;

	if (reader->seen_free[id]) {
		config_error(reader->errors, place,
		    "%s: the module has such a section already; put all into "
		    "one",
		    sections[id].name);
		return;
	}
	reader->seen_free[id] = true;
	for (opt = section->opts; opt->name != NULL; opt++) {
		if (opt->type != CFGT_STR || cfg_opt_size(opt) == 0)
			continue;
		place.line = line_of_key(opt->name, place.line);
		fill_set_free(
		    &reader->fill, place, id, opt->name, cfg_opt_getstr(opt));
	}
	config_list_free(&reader->keys);
}

/* The one unknown name that the parser takes without a word. */
static void
refuse_nameless(const cfg_t *section, struct place place)
{
	for (const cfg_opt_t *opt = section->opts; opt->name != NULL; opt++)
		if (*opt->name == '\0')
			config_error(reader->errors, place,
			    "\"\" is no setting's name; write NAME = VALUE");
}

/* The end of a section. */
static int
on_end(cfg_t *cfg, cfg_opt_t *opt)
{
	enum section_id id = section_find(opt->name);
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	refuse_nameless(section, place_of(cfg));
	if (sections[id].free) {
		take_free(cfg, section, id);
		return (0);
	}
	fill_end(&reader->fill, place_of(cfg), id, section->title);
	if (id == SECTION_MODULE)
		memset(reader->seen_free, 0, sizeof(reader->seen_free));
	return (0);
}

/* CONFIG_TEXT_END: in which section does the file end? */
static int
on_mark(cfg_t *cfg, cfg_opt_t *opt, int count, const char **arguments)
{
	(void)opt, (void)count, (void)arguments;
	reader->source->ended = true;
	if (cfg != reader->source->section)
		config_error(reader->errors, place_of(cfg),
		    "section %s%s%s%s isn't closed: a } is missing before the "
		    "end of the file",
		    cfg->name, cfg->title != NULL ? " \"" : "",
		    cfg->title != NULL ? cfg->title : "",
		    cfg->title != NULL ? "\"" : "");
	return (0);
}

static int
parse_text(cfg_t *cfg, const struct config_text *text)
{
	size_t before = reader->errors->count;
	const int line = cfg->line;
	FILE *stream;
	int status;

	stream = fmemopen(text->bytes, strlen(text->bytes), "r");
	if (stream == NULL) {
		config_error(reader->errors, place_of(cfg), "out of memory");
		return (-1);
	}
	status = cfg_parse_fp(cfg, stream);
	(void)fclose(stream);
	if ((status != CFG_SUCCESS || !reader->source->ended) &&
	    reader->errors->count == before)
		config_error(reader->errors, place_of(cfg),
		    "this can't be understood; write NAME = VALUE, or NAME "
		    "\"TITLE\" { ... } for a section");
	cfg->line = line;
	return (status == CFG_SUCCESS ? 0 : -1);
}

/*
 * Read a file into a section. ${includer}: whose line names it. Returns -1
 * when it makes no sense to go on.
 */
static int
read_source(cfg_t *cfg, const char *path, struct place *includer)
{
	struct source source = { .includer = reader->source, .section = cfg };
	struct config_text text;
	struct reason why;
	int status = -1;

	if (config_list_add(&reader->paths, path) == 0)
		source.path = reader->paths.items[reader->paths.count - 1];
	else
		source.path = "";
	if (config_text_read(path, &text, &why) == 0) {
		source.lines = text.lines;
		reader->source = &source;
		status = parse_text(cfg, &text);
		reader->source = source.includer;
		free(text.bytes);
	} else if (text.lines == 0 && includer != NULL) {
		config_error(reader->errors, *includer, "include: %s: %s", path,
		    why.text);
		return (0);
	} else {
		config_error(reader->errors,
		    (struct place){ source.path, text.lines }, "%s", why.text);
	}
	return (status);
}

/* Relative to the folder of the file that includes. */
static char *
beside_includer(const char *name)
{
	const char *slash = strrchr(reader->source->path, '/');
	char *path = NULL;

	if (*name == '/' || slash == NULL)
		return (strdup(name));
	if (asprintf(&path, "%.*s/%s", (int)(slash - reader->source->path),
		reader->source->path, name) < 0)
		return (NULL);
	return (path);
}

static int
include_all(cfg_t *cfg, const char *pattern, struct place place)
{
	glob_t found;
	int status = 0;

	/* Without a wildcard the name itself, there or not. */
	switch (glob(pattern, GLOB_NOMAGIC, NULL, &found)) {
	case 0:
		for (size_t i = 0; i < found.gl_pathc && status == 0; i++)
			status = read_source(cfg, found.gl_pathv[i], &place);
		globfree(&found);
		return (status);
	case GLOB_NOMATCH:
		return (0);
	default:
		config_error(reader->errors, place,
		    "include: '%s' can't be looked up", pattern);
		return (0);
	}
}

static int
on_include(cfg_t *cfg, cfg_opt_t *opt, int count, const char **arguments)
{
	struct place place = place_of(cfg);
	const struct source *source;
	char *pattern;
	int depth = 0, status;

	(void)opt;
	for (source = reader->source; source != NULL; source = source->includer)
		depth++;
	if (count != 1 || depth > INCLUDE_DEPTH) {
		config_error(reader->errors, place,
		    count != 1 ? "include: write one name, like "
				 "include(\"conf.d/*.conf\")"
			       : "include: more than 8 files in each other");
		return (-1);
	}
	pattern = beside_includer(arguments[0]);
	if (pattern == NULL) {
		config_error(reader->errors, place, "out of memory");
		return (-1);
	}
	status = include_all(cfg, pattern, place);
	free(pattern);
	return (status);
}

static void
free_options(cfg_opt_t *options)
{
	if (options == NULL)
		return;
	for (cfg_opt_t *opt = options; opt->name != NULL; opt++)
		free_options(opt->subopts);
	free(options);
}

/* What may stand in a section, in the parser's words; or NULL. */
static cfg_opt_t *
make_options(enum section_id id)
{
	const struct setting *settings;
	enum section_id inner;
	cfg_opt_t *options, *opt;
	size_t count;

	settings = settings_list(&count);
	/* All settings and sections, include, the mark and the end. */
	options = calloc(count + SECTION_COUNT + 3, sizeof(*options));
	if (options == NULL)
		return (NULL);
	opt = options;
	*opt++ = (cfg_opt_t){
		.name = "include", .type = CFGT_FUNC, .func = on_include
	};
	*opt++ = (cfg_opt_t){
		.name = CONFIG_TEXT_END, .type = CFGT_FUNC, .func = on_mark
	};
	for (size_t i = 0; i < count; i++)
		if (section_has(&sections[id], &settings[i]))
			*opt++ = (cfg_opt_t){ .name = settings[i].name,
				.type = CFGT_STR,
				.flags = CFGF_NODEFAULT |
					 (settings[i].kind == SETTING_LIST
						 ? CFGF_LIST
						 : CFGF_NONE),
				.parsecb = on_value };
	for (inner = SECTION_ROOT; inner < SECTION_COUNT; inner++) {
		if (sections[inner].inside != id)
			continue;
		*opt = (cfg_opt_t){ .name = sections[inner].name,
			.type = CFGT_SEC,
			.flags =
			    sections[inner].title == NULL
				? CFGF_KEYSTRVAL
				: CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
			.subopts = make_options(inner),
			.validcb = on_end };
		if (opt++->subopts == NULL) {
			free_options(options);
			return (NULL);
		}
	}
	return (options);
}

void
config_file_read(
    const char *path, struct config *config, struct config_errors *ret_errors)
{
	struct reader here;
	cfg_opt_t *options = make_options(SECTION_ROOT);
	cfg_t *cfg = NULL;

	memset(ret_errors, 0, sizeof(*ret_errors));
	memset(&here, 0, sizeof(here));
	here.errors = ret_errors;
	fill_init(&here.fill, config, ret_errors);
	reader = &here;
	if (options != NULL)
		cfg = cfg_init(options, CFGF_KEYSTRVAL);
	if (cfg == NULL) {
		config_error(
		    ret_errors, (struct place){ path, 0 }, "out of memory");
	} else {
		(void)cfg_set_error_function(cfg, on_error);
		if (read_source(cfg, path, NULL) == 0) {
			refuse_nameless(cfg, (struct place){ path, 0 });
			fill_finish(&here.fill, (struct place){ path, 0 });
		}
		(void)cfg_free(cfg);
	}
	free_options(options);
	fill_free(&here.fill);
	config_list_free(&here.keys);
	free(here.key_lines);
	config_list_free(&here.paths);
	reader = NULL;
}

int
config_file_load(const char *path, struct config *config, struct reason *why)
{
	struct config_errors errors;
	int error = 0;

	config_file_read(path, config, &errors);
	for (size_t i = 0;
	     errors.count > 1 && i < errors.count && i < CONFIG_ERRORS_MAX; i++)
		log_err("%s", config_errors_line(&errors, i));
	if (errors.count == 1)
		error = reason_set(
		    why, -EINVAL, "%s", config_errors_line(&errors, 0));
	else if (errors.count > 1)
		error = reason_set(why, -EINVAL,
		    "%s has %zu mistakes; the first is %s", path, errors.count,
		    config_errors_line(&errors, 0));
	config_errors_free(&errors);
	return (error);
}
