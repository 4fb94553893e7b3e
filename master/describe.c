/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings, described for readers and programs.
 */
#include "master/describe.h"

#include <bsd/string.h>
#include <jansson.h>
#include <string.h>

enum describe_format
describe_format_find(const char *name)
{
	static const char *const names[DESCRIBE_FORMATS] = { "text", "json",
		"example", "manual" };
	enum describe_format format = DESCRIBE_TEXT;

	while (format < DESCRIBE_FORMATS && strcmp(names[format], name) != 0)
		format++;
	return (format);
}

/* A value of a kind that has no default. */
static const char *
example_of(const struct setting *setting)
{
	switch (setting->kind) {
	case SETTING_TIME:
		return ("30s");
	case SETTING_SIZE:
		return ("1M");
	case SETTING_COUNT:
		return ("404"); /* there is one only: deny */
	default:
		return (setting->example);
	}
}

void
describe_assignment(
    const struct setting *setting, char ret_line[static DESCRIBE_LINE])
{
	char value[SETTING_ROOM];

	setting_default(setting, value);
	if (*value == '\0')
		(void)strlcpy(value, example_of(setting), sizeof(value));
	(void)snprintf(ret_line, DESCRIBE_LINE,
	    setting->kind == SETTING_LIST ? "%s = { \"%s\" }"
	    : setting->example != NULL    ? "%s = \"%s\""
					  : "%s = %s",
	    setting->name, value);
}

void
describe_title(enum section_id id, char ret_line[static DESCRIBE_LINE])
{
	const struct section *section = &sections[id];

	if (id == SECTION_ROOT)
		(void)strlcpy(ret_line, "outside of sections", DESCRIBE_LINE);
	else
		(void)snprintf(ret_line, DESCRIBE_LINE, "%s%s%s%s",
		    section->name, section->title != NULL ? " \"TITLE\"" : "",
		    section->inside == SECTION_ROOT ? "" : ", in ",
		    section->inside == SECTION_ROOT
			? ""
			: sections[section->inside].name);
}

/* Words, broken into lines of at most 76 letters. */
static void
print_words(FILE *out, const char *indent, const char *words)
{
	size_t column = 0, length;

	while (*words != '\0') {
		length = strcspn(words, " ");
		if (column > 0 && column + 1 + length > 76) {
			(void)fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s",
		    column == 0 ? indent : " ", (int)length, words);
		words += length + strspn(words + length, " ");
	}
	(void)fputc('\n', out);
}

static void
describe_text(FILE *out)
{
	const struct setting *settings;
	char line[DESCRIBE_LINE], value[SETTING_ROOM];
	enum section_id id;
	size_t count;

	settings = settings_list(&count);
	for (id = SECTION_ROOT; id < SECTION_COUNT; id++) {
		describe_title(id, line);
		(void)fprintf(
		    out, "%s%s\n", id == SECTION_ROOT ? "" : "\n", line);
		print_words(out, "  ", sections[id].help);
		if (sections[id].free)
			(void)fprintf(
			    out, "\n    NAME = VALUE, whatever the name\n");
		for (size_t i = 0; i < count; i++) {
			if (!section_has(&sections[id], &settings[i]))
				continue;
			setting_default(&settings[i], value);
			(void)fprintf(out, "\n    %s%s%s\n", settings[i].name,
			    *value != '\0' ? " = " : "", value);
			print_words(out, "        ", settings[i].help);
			setting_form(&settings[i], value);
			print_words(out, "        ", value);
		}
	}
}

static json_t *
json_of(enum section_id id, const struct setting *setting)
{
	static const char *const kinds[] = {
		[SETTING_TIME] = "time",
		[SETTING_COUNT] = "count",
		[SETTING_SIZE] = "size",
		[SETTING_SWITCH] = "switch",
		[SETTING_PATH] = "path",
		[SETTING_TEXT] = "text",
		[SETTING_LIST] = "list",
		[SETTING_WORKERS] = "workers",
		[SETTING_LEVEL] = "level",
	};
	static const char *const units[] = {
		[SETTING_TIME] = "ms",
		[SETTING_SIZE] = "bytes",
		[SETTING_LEVEL] = NULL,
	};
	char form[SETTING_ROOM], value[SETTING_ROOM];
	bool number = setting->most > 0 && setting->kind != SETTING_SWITCH;
	json_t *object;

	setting_form(setting, form);
	setting_default(setting, value);
	object = json_pack("{s:s,s:s,s:s,s:s,s:s}", "section",
	    sections[id].name, "name", setting->name, "kind",
	    kinds[setting->kind], "form", form, "help", setting->help);
	if (object == NULL)
		return (NULL);
	(void)json_object_set_new(object, "default",
	    *value != '\0' ? json_string(value) : json_null());
	if (number) {
		(void)json_object_set_new(
		    object, "least", json_integer((json_int_t)setting->least));
		(void)json_object_set_new(
		    object, "most", json_integer((json_int_t)setting->most));
	}
	if (units[setting->kind] != NULL)
		(void)json_object_set_new(
		    object, "unit", json_string(units[setting->kind]));
	return (object);
}

static void
describe_json(FILE *out)
{
	const struct setting *settings;
	json_t *array = json_array();
	enum section_id id;
	size_t count;

	settings = settings_list(&count);
	for (id = SECTION_ROOT; id < SECTION_COUNT; id++)
		for (size_t i = 0; i < count; i++)
			if (section_has(&sections[id], &settings[i]))
				(void)json_array_append_new(
				    array, json_of(id, &settings[i]));
	(void)json_dumpf(array, out, JSON_INDENT(2));
	(void)fputc('\n', out);
	json_decref(array);
}

void
describe(FILE *out, enum describe_format format)
{
	switch (format) {
	case DESCRIBE_JSON:
		describe_json(out);
		break;
	case DESCRIBE_EXAMPLE:
		describe_example(out);
		break;
	case DESCRIBE_MANUAL:
		describe_manual(out);
		break;
	default:
		describe_text(out);
		break;
	}
}
