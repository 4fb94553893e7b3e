/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commented example of a configuration file. What isn't commented out
 * serves hello on 127.0.0.1:8080; a setting behind a '#' is as it is anyway,
 * or an example.
 */
#include "master/describe.h"

#include <string.h>

enum {
	WIDTH = 76
};

/* A section's depth, and whether all of it is commented out. */
struct level {
	unsigned depth;
	bool off;
};

static void
indent(FILE *out, struct level level)
{
	if (level.off)
		(void)fputc('#', out);
	for (unsigned i = 0; i < level.depth; i++)
		(void)fputs("    ", out);
}

static void
comment(FILE *out, struct level level, const char *words)
{
	const size_t begin = 4 * (size_t)level.depth + 1;
	size_t column = 0, length;

	while (*words != '\0') {
		length = strcspn(words, " ");
		if (column > 0 && column + 1 + length > WIDTH) {
			(void)fputc('\n', out);
			column = 0;
		}
		if (column == 0) {
			indent(out, level);
			(void)fputc('#', out);
			column = begin;
		}
		column += (size_t)fprintf(out, " %.*s", (int)length, words);
		words += length + strspn(words + length, " ");
	}
	(void)fputc('\n', out);
}

static void
print_settings(FILE *out, enum section_id id, struct level level)
{
	const struct setting *settings;
	char line[DESCRIBE_LINE], form[SETTING_ROOM], words[2 * DESCRIBE_LINE];
	size_t count;

	settings = settings_list(&count);
	for (size_t i = 0; i < count; i++) {
		if (!section_has(&sections[id], &settings[i]))
			continue;
		setting_form(&settings[i], form);
		(void)snprintf(
		    words, sizeof(words), "%s (%s)", settings[i].help, form);
		comment(out, level, words);
		describe_assignment(&settings[i], line);
		indent(out, level);
		/* A site without hosts is none. */
		(void)fprintf(out, "%s%s\n",
		    level.off && strcmp(settings[i].name, "hosts") == 0 ? ""
									: "#",
		    line);
	}
}

static void print_section(FILE *out, enum section_id id, struct level level);

static void
print_inner(FILE *out, enum section_id outer, struct level level)
{
	enum section_id id;

	for (id = SECTION_ROOT; id < SECTION_COUNT; id++) {
		if (sections[id].inside != outer)
			continue;
		(void)fputs(level.off ? "#\n" : "\n", out);
		print_section(out, id, level);
	}
}

static void
print_section(FILE *out, enum section_id id, struct level level)
{
	const struct section *section = &sections[id];

	comment(out, level, section->help);
	if (section->free || id == SECTION_SITE)
		level.off = true;
	indent(out, level);
	if (section->title != NULL)
		(void)fprintf(
		    out, "%s \"%s\" {\n", section->name, section->title);
	else
		(void)fprintf(out, "%s {\n", section->name);
	level.depth++;
	print_settings(out, id, level);
	if (section->example != NULL) {
		indent(out, level);
		(void)fprintf(out, "%s\n", section->example);
	}
	print_inner(out, id, level);
	level.depth--;
	indent(out, level);
	(void)fputs("}\n", out);
}

void
describe_example(FILE *out)
{
	struct level level = { 0, false };

	comment(out, level,
	    "The configuration of Bulkhead: see bulkhead.conf(5). "
	    "bulkhead -t -c FILE checks one, bulkheadctl reload makes the "
	    "server read it again.");
	(void)fputs("#\n", out);
	comment(out, level,
	    "What stands behind a # without a space is commented out: a "
	    "setting with its default, or with an example where it has "
	    "none. Other files can be read with include(\"conf.d/*.conf\").");
	(void)fputc('\n', out);
	print_settings(out, SECTION_ROOT, level);
	print_inner(out, SECTION_ROOT, level);
}
