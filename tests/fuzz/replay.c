/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzzer's harness as an ordinary test: the committed corpus, then
 * repeatable mutations of it for at most two seconds. With arguments, only
 * the files that they name: what libFuzzer left behind after a crash.
 */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

enum {
	FILES_MAX = 100,
	SIZE_MAXIMUM = 20000,
	ROUNDS = 300000,
	MS_MAX = 2000,
};

struct input {
	uint8_t bytes[SIZE_MAXIMUM];
	size_t size;
};

static struct input *corpus[FILES_MAX];
static size_t corpus_count;
static struct input current;

/* Leave the input that made the harness abort where one can look at it. */
static void
on_abort(int signal_number)
{
	static const char path[] = "fuzz-crash.bin";
	FILE *file;

	(void)signal_number;
	file = fopen(path, "wb");
	if (file != NULL) {
		(void)fwrite(current.bytes, 1, current.size, file);
		(void)fclose(file);
		(void)fprintf(
		    stderr, "its %zu bytes are in ./%s\n", current.size, path);
	}
	(void)signal(SIGABRT, SIG_DFL);
}

static void
load(const char *path)
{
	struct input *input = malloc(sizeof(*input));
	FILE *file = fopen(path, "rb");

	MUST(input != NULL && file != NULL && corpus_count < FILES_MAX);
	input->size = fread(input->bytes, 1, sizeof(input->bytes), file);
	(void)fclose(file);
	corpus[corpus_count++] = input;
}

static void
load_corpus(const char *directory)
{
	struct dirent **entries;
	char path[1024];
	int count, i;

	/* Sorted, so that every run sees the same. */
	count = scandir(directory, &entries, NULL, alphasort);
	MUST(count > 2);
	for (i = 0; i < count; i++) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			load(path);
		free(entries[i]);
	}
	free(entries);
}

/* From a buffer of exactly that size, for the sanitizers' sake. */
static void
feed_current(void)
{
	uint8_t *copy = malloc(current.size > 0 ? current.size : 1);

	MUST(copy != NULL);
	memcpy(copy, current.bytes, current.size);
	(void)LLVMFuzzerTestOneInput(copy, current.size);
	free(copy);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static size_t
feed_mutations(void)
{
	const int64_t end = now_ms() + MS_MAX;
	uint64_t random = UINT64_C(0x853c49e6748fea9b);
	size_t round;

	for (round = 0; round < ROUNDS && now_ms() < end; round++) {
		/* Three in four go on from the last one's mutation. */
		if (round % 4 == 0)
			current = *corpus[random_below(&random, corpus_count)];
		current.size = mutate(&random, current.bytes, current.size,
		    sizeof(current.bytes));
		feed_current();
	}
	return (round);
}

int
main(int argc, char **argv)
{
	size_t i, mutations = 0;

	(void)signal(SIGABRT, on_abort);
	if (argc > 1)
		for (i = 1; i < (size_t)argc; i++)
			load(argv[i]);
	else
		load_corpus(CORPUS);
	for (i = 0; i < corpus_count; i++) {
		current = *corpus[i];
		feed_current();
	}
	if (argc == 1)
		mutations = feed_mutations();
	(void)printf("%zu files, %zu mutations\n", corpus_count, mutations);
	for (i = 0; i < corpus_count; i++)
		free(corpus[i]);
	return (0);
}
