/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manual page bulkhead.conf(5): what is general stands here, what the
 * settings are comes from the definition.
 */
#include "master/describe.h"

#include <string.h>

enum {
	WIDTH = 78
};

/* A word for mdoc(7): a '\\' is one, and none at a line's start is a macro. */
static size_t
word(FILE *out, const char *text, size_t length, bool first)
{
	if (first && (*text == '.' || *text == '\''))
		(void)fputs("\\&", out);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\')
			(void)fputs("\\e", out);
		else if (text[i] == '"')
			(void)fputs("\\(dq", out);
		else
			(void)fputc(text[i], out);
	}
	return (length);
}

/* Lines of text; a sentence begins a line. */
static void
text(FILE *out, const char *words)
{
	size_t column = 0, length;
	bool sentence = false;

	while (*words != '\0') {
		length = strcspn(words, " ");
		if (column > 0 && (sentence || column + length >= WIDTH)) {
			(void)fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			column += (size_t)(fputc(' ', out) == ' ');
		column += word(out, words, length, column == 0);
		sentence = length > 1 && words[length - 1] == '.';
		words += length + strspn(words + length, " ");
	}
	(void)fputc('\n', out);
}

static const char beginning[] =
    ".\\\" SPDX-License-Identifier: BSD-2-Clause\n"
    ".\\\" Made by bulkhead --describe-config=manual; "
    "master/describe_manual.c.\n"
    ".Dd November 20, 2026\n"
    ".Dt BULKHEAD.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm bulkhead.conf\n"
    ".Nd configuration of the Bulkhead HTTP server\n"
    ".Sh DESCRIPTION\n"
    ".Xr bulkhead 8\n"
    "reads the file that\n"
    ".Fl c\n"
    "names, and none without it.\n"
    "The file says all:\n"
    ".Fl l , m , w\n"
    "and\n"
    ".Fl o\n"
    "can't stand beside it;\n"
    ".Fl -control\n"
    "can, and goes before the file.\n"
    ".Ql bulkhead -t -c FILE\n"
    "checks a file and what it names, modules included;\n"
    ".Ql bulkheadctl reload\n"
    "makes a server read its file again, and if something in it is wrong the\n"
    "server goes on with what it has.\n"
    ".Sh SYNTAX\n"
    "A setting is\n"
    ".Ql NAME = VALUE ,\n"
    "a list\n"
    ".Ql NAME = { VALUE, VALUE }\n"
    "or, added to,\n"
    ".Ql NAME += { VALUE } ,\n"
    "a section\n"
    ".Ql NAME \\(dqTITLE\\(dq { ... } .\n"
    "A value may stand in double or single quotes, and must where it has\n"
    "spaces, commas, braces or one of\n"
    ".Ql # * + = ( ) .\n"
    "In double quotes a backslash begins an escape as in C, and\n"
    ".Ql ${VARIABLE}\n"
    "stands for an environment variable.\n"
    "Comments go from\n"
    ".Ql #\n"
    "or\n"
    ".Ql //\n"
    "to the line's end, or from\n"
    ".Ql /*\n"
    "to\n"
    ".Ql */ .\n"
    "Times need a unit: ms, s, m, h or d.\n"
    "Sizes are bytes, or with k, M or G units of 1024.\n"
    "Switches are on or off.\n"
    ".Pp\n"
    ".Ql include(\\(dqFILE\\(dq)\n"
    "reads another file, which stands for whole settings and sections; a\n"
    "relative one is looked for beside the file that includes it, and\n"
    ".Ql include(\\(dqconf.d/*.conf\\(dq)\n"
    "reads all that there are.\n"
    ".Pp\n"
    "An unknown name, a setting that stands twice, a value out of its range\n"
    "and a name of a pool or a module that there isn't are mistakes; each is\n"
    "told with its file and line.\n"
    "Only in a module's settings and secrets the later of two holds.\n";

static const char ending[] =
    ".Sh SITES\n"
    "Without a site all modules of a pool see every request.\n"
    "A site takes the requests with one of its hosts, as the Host field has\n"
    "it, without port and last dot.\n"
    "The whole name is looked for first, then the wildcards from the longest\n"
    "to the shortest, then the site with the host\n"
    ".Ql * .\n"
    "A wildcard stands for one or more labels:\n"
    ".Ql *.example.org\n"
    "has a.example.org and b.a.example.org, and not example.org.\n"
    "A request that no site takes is seen by all modules of the pool, as if\n"
    "there were no sites, or, with strict-hosts, answered 421.\n"
    ".Pp\n"
    "In a site, the longest path that the request's is, or is below of,\n"
    "holds: /api has /api and /api/x, and not /apix.\n"
    "The request's path is compared decoded, with one slash for several, and\n"
    "without\n"
    ".Ql .\\&\n"
    "and\n"
    ".Ql .. ;\n"
    "letters' case counts.\n"
    "Where a site has paths, one with a NUL in it (%00) is answered 400.\n"
    "Modules get the path as it was sent.\n"
    "What a path doesn't set is as in its site; deny and redirect are not,\n"
    "they are for the requests that no path of the site has.\n"
    "In a redirect\n"
    ".Ql $target\n"
    "stands for path and query of the request.\n"
    ".Sh SECRETS\n"
    "What must not be seen belongs into files of its own, which a module's\n"
    "section secrets names: neither the configuration file nor a command\n"
    "line then has it, and the server writes it into no log, status, report\n"
    "or message.\n"
    "It is read at the start and at each reload, may have 4095 bytes, and a\n"
    "line's end at its end doesn't belong to it.\n"
    "The file must not be readable for everybody.\n"
    "With systemd,\n"
    ".Ql LoadCredential=password:/etc/bulkhead/password\n"
    "in the unit and\n"
    ".Ql secrets { password = password }\n"
    "here let the file belong to root alone.\n"
    "A core dump of the server or of a worker has all secrets in it, and a\n"
    "module can tell its own.\n"
    ".Sh FILES\n"
    ".Bl -tag -width Ds -compact\n"
    ".It Pa /etc/bulkhead/bulkhead.conf\n"
    "what the service reads; as installed it has all settings, commented out\n"
    ".El\n"
    ".Sh EXAMPLES\n"
    "Two sites in two pools, the second on an address of its own:\n"
    ".Bd -literal -offset indent\n"
    "listen \"0.0.0.0:80\" { pool = \"public\" }\n"
    "listen \"127.0.0.1:8081\" { pool = \"internal\" }\n"
    "\n"
    "pool \"public\" {\n"
    "    workers = auto\n"
    "    module \"hello\" { settings { path = \"/greeting\" } }\n"
    "    module \"upload\" {\n"
    "        file = \"/usr/local/lib/upload.so\"\n"
    "        optional = yes\n"
    "        secrets { key = \"/etc/bulkhead/upload.key\" }\n"
    "    }\n"
    "}\n"
    "pool \"internal\" { module \"echo\" { } }\n"
    "\n"
    "site \"example\" {\n"
    "    pool = \"public\"\n"
    "    hosts = { \"example.org\", \"*.example.org\" }\n"
    "    modules = { \"hello\" }\n"
    "    path \"/upload\" { modules = { \"upload\" } body-max = 100M }\n"
    "    path \"/old\" { redirect = \"301 https://example.org/new\" }\n"
    "}\n"
    "site \"others\" { pool = \"public\" hosts = \"*\" deny = 404 }\n"
    ".Ed\n"
    ".Sh SEE ALSO\n"
    ".Xr bulkheadctl 1 ,\n"
    ".Xr systemd.exec 5 ,\n"
    ".Xr bulkhead 8\n";

static void
print_section(FILE *out, enum section_id id)
{
	const struct setting *settings;
	char line[DESCRIBE_LINE], value[SETTING_ROOM];
	size_t count;

	settings = settings_list(&count);
	describe_title(id, line);
	(void)fprintf(out, ".Ss ");
	text(out, line);
	text(out, sections[id].help);
	if (sections[id].free)
		return;
	(void)fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < count; i++) {
		if (!section_has(&sections[id], &settings[i]))
			continue;
		setting_default(&settings[i], value);
		if (*value != '\0')
			(void)fprintf(out, ".It Ic %s No = Ar %s\n",
			    settings[i].name, value);
		else
			(void)fprintf(out, ".It Ic %s\n", settings[i].name);
		text(out, settings[i].help);
		setting_form(&settings[i], value);
		(void)snprintf(line, sizeof(line), "(%s)", value);
		text(out, line);
	}
	(void)fputs(".El\n", out);
}

void
describe_manual(FILE *out)
{
	enum section_id id;

	(void)fputs(beginning, out);
	(void)fputs(
	    ".Sh SETTINGS\n"
	    "With each stands its default, where it has one.\n"
	    "The settings outside of sections and those of a pool can be\n"
	    "given with\n"
	    ".Fl o\n"
	    "too.\n",
	    out);
	for (id = SECTION_ROOT; id < SECTION_COUNT; id++)
		print_section(out, id);
	(void)fputs(ending, out);
}
