/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line, read once into struct config. Runs in the master before
 * anything is opened.
 */
#include "master/options.h"

#include "master/config_file.h"
#include "master/describe.h"
#include "master/settings.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "test", no_argument, NULL, 't' },
	{ "listen", required_argument, NULL, 'l' },
	{ "module", required_argument, NULL, 'm' },
	{ "workers", required_argument, NULL, 'w' },
	{ "control", required_argument, NULL, 'C' },
	{ "option", required_argument, NULL, 'o' },
	{ "describe-config", optional_argument, NULL, 'D' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
    "usage: bulkhead [-t] [-l ADDR:PORT]... [-m MODULE.so[,key=value]...]...\n"
    "                [-w N|auto] [-o NAME=VALUE]... [--control PATH]\n"
    "       bulkhead [-t] -c FILE [--control PATH]\n"
    "       bulkhead -V | -h\n"
    "\n"
    "  -c, --config FILE       read the configuration from this file, which\n"
    "                          then says all that -l, -m, -w and -o would\n"
    "  -l, --listen ADDR:PORT  listen there: 127.0.0.1:8080 (the default),\n"
    "                          [::1]:8080, :8080 for every address, or\n"
    "                          unix:PATH; port 0 takes any free one\n"
    "  -m, --module FILE[,key=value]...\n"
    "                          load this module, with settings; a name\n"
    "                          without '/' is one of the shipped modules;\n"
    "                          name= names it (default: hello); with\n"
    "                          optional=yes requests go on without it while\n"
    "                          it is under quarantine, with required=yes\n"
    "                          the server doesn't start without it\n"
    "  -w, --workers N|auto    worker processes; auto (the default) is one\n"
    "                          for each CPU\n"
    "  -o, --option NAME=VALUE set one of the settings below\n"
    "      --control PATH      socket that bulkheadctl talks to\n"
    "  -t, --test              check options, addresses and modules, then\n"
    "                          end\n"
    "      --describe-config[=text|json|example|manual]\n"
    "                          print what a configuration file can say\n"
    "  -V, --version           print the version\n"
    "  -h, --help              print this\n"
    "\n"
    "SIGTERM or SIGINT: finish what was begun and end; a second one: end\n"
    "now.\n";

void
options_print_usage(FILE *out)
{
	char text[SETTINGS_HELP];

	settings_help(text);
	(void)fprintf(out,
	    "%s\nSettings for -o, with their defaults (times in ms, s, m, h "
	    "or d; sizes in k,\nM or G):\n%s",
	    usage, text);
}

/* Say which option a complaint is about. */
static int
about(const char *option, const struct reason *inner, int error,
    struct reason *why)
{
	return (
	    reason_set(why, error, "option %s: %.900s", option, inner->text));
}

static int
add_listener(struct config *config, const char *text, struct reason *why)
{
	struct reason inner;
	int error;

	if (config->listener_count == CONFIG_LISTENERS_MAX) {
		error = reason_set(&inner, -EINVAL,
		    "more than %d addresses to listen on",
		    CONFIG_LISTENERS_MAX);
		return (about("-l", &inner, error, why));
	}
	error = address_parse(
	    text, &config->listeners[config->listener_count].address, &inner);
	if (error != 0)
		return (about("-l", &inner, error, why));
	config->listener_count++;
	return (0);
}

static int
set_workers(struct config_pool *pool, const char *text, struct reason *why)
{
	const char *error;
	long long count;

	if (strcmp(text, "auto") == 0) {
		pool->workers = 0;
		return (0);
	}
	count = strtonum(text, 1, CONFIG_WORKERS_MAX, &error);
	if (error != NULL)
		return (reason_set(why, -EINVAL,
		    "option -w: '%s' is %s; write a number from 1 to %d, or "
		    "auto for one worker on each CPU",
		    text, error, CONFIG_WORKERS_MAX));
	pool->workers = (uint32_t)count;
	return (0);
}

static int
set_control(struct config *config, const char *path, struct reason *why)
{
	if (*path == '\0')
		return (reason_set(why, -EINVAL,
		    "option --control: the path is empty; write the path of "
		    "the socket to make"));
	free(config->control);
	config->control = strdup(path);
	if (config->control == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	return (0);
}

static int
add_module(struct config_pool *pool, const char *text, struct reason *why)
{
	struct reason inner;
	int error;

	error = config_add_module(pool, text, &inner);
	if (error != 0)
		return (about("-m", &inner, error, why));
	return (0);
}

/*
 * getopt_long(3) tells a bad short option by optopt, and a bad long one only
 * by where it stands.
 */
static int
complain(int option, char **argv, struct reason *why)
{
	const char *word = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, '\0' };

	if (strncmp(word, "--", 2) == 0)
		letter[0] = '\0';
	if (option == ':')
		return (reason_set(why, -EINVAL,
		    "option %s needs an argument; see bulkhead -h",
		    letter[0] != '\0' ? letter : word));
	if (letter[0] == '\0' && optopt != 0)
		return (reason_set(why, -EINVAL,
		    "option %s takes no argument; see bulkhead -h", word));
	return (
	    reason_set(why, -EINVAL, "there is no option %s; see bulkhead -h",
		letter[0] != '\0' ? letter : word));
}

/* What the words so far have said. */
struct words {
	struct config *config;
	struct config_pool *pool; /* that the command line describes, or NULL */
	const char *file;         /* -c's */
	char described;           /* the first option that a file excludes */
};

/* The pool of the command line is made when something is said of it. */
static int
make_pool(struct words *words, int option, struct reason *why)
{
	if (words->described == '\0')
		words->described = (char)option;
	if (words->pool != NULL)
		return (0);
	return (config_add_pool(words->config, "main", &words->pool, why));
}

static int
apply_described(struct words *words, int option, struct reason *why)
{
	int error = make_pool(words, option, why);

	if (error != 0)
		return (error);
	switch (option) {
	case 'l':
		return (add_listener(words->config, optarg, why));
	case 'm':
		return (add_module(words->pool, optarg, why));
	case 'w':
		return (set_workers(words->pool, optarg, why));
	default:
		return (settings_set(words->config, words->pool, optarg, why));
	}
}

static int
apply(int option, char **argv, struct words *words, struct reason *why)
{
	switch (option) {
	case 'c':
		if (words->file != NULL)
			return (reason_set(why, -EINVAL,
			    "option -c: there are two; write one file that "
			    "includes the other with include(\"...\")"));
		words->file = optarg;
		return (0);
	case 't':
		words->config->check = true;
		return (0);
	case 'C':
		return (set_control(words->config, optarg, why));
	case 'l':
	case 'm':
	case 'w':
	case 'o':
		return (apply_described(words, option, why));
	default:
		return (complain(option, argv, why));
	}
}

/* A file says all; but --control goes before what it says. */
static int
read_file(struct words *words, struct reason *why)
{
	struct config *config = words->config;
	char *control = config->control;
	int error;

	if (words->described != '\0')
		return (reason_set(why, -EINVAL,
		    "option -%c: with -c the file says that; write it into %s",
		    words->described, words->file));
	config->control = NULL;
	error = config_file_load(words->file, config, why);
	if (control != NULL) {
		free(config->control);
		config->control = control;
	}
	return (error);
}

static int
describe_wish(struct reason *why)
{
	enum describe_format format = DESCRIBE_TEXT;

	if (optarg != NULL)
		format = describe_format_find(optarg);
	if (format == DESCRIBE_FORMATS)
		return (reason_set(why, -EINVAL,
		    "option --describe-config: there is no form '%s'; write "
		    "text, json, example or manual",
		    optarg));
	return (OPTIONS_DESCRIBE + (int)format);
}

int
options_parse(int argc, char **argv, struct config *config, struct reason *why)
{
	struct words words = { .config = config };
	int error = 0, option;

	opterr = 0;
	optind = 0; /* glibc: start afresh, whoever has parsed before */
	while ((option = getopt_long(
		    argc, argv, ":c:tl:m:w:o:Vh", long_options, NULL)) != -1) {
		if (option == 'h')
			return (OPTIONS_HELP);
		if (option == 'V')
			return (OPTIONS_VERSION);
		if (option == 'D')
			return (describe_wish(why));
		error = apply(option, argv, &words, why);
		if (error != 0)
			return (error);
	}
	if (optind < argc)
		return (reason_set(why, -EINVAL,
		    "'%s' belongs to no option; see bulkhead -h",
		    argv[optind]));
	if (words.file != NULL)
		error = read_file(&words, why);
	if (error == 0 && config_set_defaults(config) != 0)
		error = reason_set(why, -ENOMEM, "out of memory");
	return (error != 0 ? error : OPTIONS_RUN);
}
