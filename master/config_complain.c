/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parser of configuration files complains about, in words that say
 * what would be right.
 */
#include "master/config_complain.h"

#include "master/nearest.h"

#include <string.h>

/* A section that somebody wrote at the wrong level. */
static bool
stands_elsewhere(struct config_errors *errors, struct place place,
    enum section_id here, const char *name)
{
	enum section_id id = section_find(name), outer;

	if (id == SECTION_COUNT || id == SECTION_ROOT)
		return (false);
	outer = sections[id].inside;
	if (outer == SECTION_ROOT)
		config_error(errors, place,
		    "%s: such a section doesn't stand in a section; %s %s",
		    name, "is a } missing before it, to close",
		    sections[here].name);
	else
		config_error(errors, place,
		    "%s: such a section stands in a section %s only", name,
		    sections[outer].name);
	return (true);
}

static bool
is_of_other_section(struct config_errors *errors, struct place place,
    enum section_id here, const char *name)
{
	enum section_id id;

	for (id = SECTION_ROOT; id < SECTION_COUNT; id++) {
		if (section_setting(id, name) == NULL)
			continue;
		config_error(errors, place,
		    "%s: it is no setting of %s%s, but of %s%s; write it "
		    "there",
		    name, here == SECTION_ROOT ? "the server" : "a section ",
		    here == SECTION_ROOT ? "" : sections[here].name,
		    id == SECTION_ROOT ? "the server, outside of sections"
				       : "a section ",
		    id == SECTION_ROOT ? "" : sections[id].name);
		return (true);
	}
	return (false);
}

void
config_complain_unknown(struct config_errors *errors, struct place place,
    enum section_id here, const char *name)
{
	enum section_id id;
	const struct setting *settings;
	struct nearest nearest;
	size_t count;

	if (stands_elsewhere(errors, place, here, name) ||
	    is_of_other_section(errors, place, here, name))
		return;
	settings = settings_list(&count);
	nearest_init(&nearest, name, strlen(name));
	for (size_t i = 0; i < count; i++)
		if (section_has(&sections[here], &settings[i]))
			nearest_offer(&nearest, settings[i].name);
	for (id = SECTION_ROOT; id < SECTION_COUNT; id++)
		if (sections[id].inside == here)
			nearest_offer(&nearest, sections[id].name);
	if (nearest.word != NULL)
		config_error(errors, place,
		    "%s: there is no such setting here; did you mean %s?", name,
		    nearest.word);
	else
		config_error(errors, place,
		    "%s: there is no such setting here; bulkhead "
		    "--describe-config tells which there are",
		    name);
}

/* The parser's messages, by their beginning, and what to say instead. */
static const struct {
	const char *theirs;
	const char *before, *after; /* their argument; after NULL: without */
} messages[] = {
	{ "missing title for section", "",
	    ": such a section needs a title; write NAME \"TITLE\" { ... }" },
	{ "missing opening brace for section", "",
	    ": a { is missing; what belongs to a section stands in { }" },
	{ "missing equal sign after option", "",
	    ": a = is missing behind it; write NAME = VALUE" },
	{ "attempt to append to non-list option", "",
	    ": it is no list; write = instead of +=" },
	{ "unexpected token", "'",
	    "' can't stand here; write NAME = VALUE or, for a list, NAME = { "
	    "VALUE, VALUE }, and quotes around a value that has such letters" },
	{ "unexpected closing brace", "this } closes nothing; leave it out",
	    NULL },
	{ "found duplicate title", "two sections here have the title '",
	    "'; give one of them another" },
	{ "premature end of file",
	    "something is missing before the end of the file", NULL },
	{ "invalid octal number", "'",
	    "' is no byte; write \\\\ for a backslash" },
	{ "bad escape sequence", "'",
	    "' is no byte; write \\\\ for a backslash" },
};

void
config_complain_syntax(struct config_errors *errors, struct place place,
    const char *format, const char *argument)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (strncmp(format, messages[i].theirs,
			strlen(messages[i].theirs)) != 0)
			continue;
		if (messages[i].after == NULL)
			config_error(errors, place, "%s", messages[i].before);
		else
			config_error(errors, place, "%s%s%s",
			    messages[i].before, argument, messages[i].after);
		return;
	}
	config_error(
	    errors, place, "'%s' can't be understood: %s", argument, format);
}
