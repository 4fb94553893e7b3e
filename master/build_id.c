/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an ELF file's build id: file header, program headers, notes. The
 * file may be anything; nothing is mapped and every read is bounded. Runs in
 * the master.
 */
#include "master/build_id.h"

#include "master/config.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SEGMENTS_MAX = 64,
	NOTES_MAX = 4096, /* bytes of one note segment that are looked at */
	BYTES_MAX = (BUILD_ID_TEXT - 1) / 2,
};

static bool
read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
	return (pread(fd, bytes, size, (off_t)offset) == (ssize_t)size);
}

static void
write_hex(const uint8_t *bytes, size_t count, char *ret_text)
{
	for (size_t i = 0; i < count; i++)
		(void)snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

static size_t
padded(size_t size)
{
	return ((size + 3) & ~(size_t)3);
}

static bool
find_note(const uint8_t *notes, size_t size, char *ret_text)
{
	ElfW(Nhdr) note;
	size_t at = 0, name, description;

	while (size - at >= sizeof(note)) {
		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		if (note.n_namesz > size || note.n_descsz > size)
			return (false);
		description = name + padded(note.n_namesz);
		at = description + padded(note.n_descsz);
		if (at > size)
			return (false);
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
		    memcmp(notes + name, "GNU", 4) != 0 ||
		    note.n_descsz > BYTES_MAX)
			continue;
		write_hex(notes + description, note.n_descsz, ret_text);
		return (true);
	}
	return (false);
}

static bool
find_in(int fd, char *ret_text)
{
	uint8_t notes[NOTES_MAX];
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;
	ssize_t size;

	if (!read_at(fd, &header, sizeof(header), 0) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_phentsize != sizeof(segment))
		return (false);
	for (unsigned i = 0; i < header.e_phnum && i < SEGMENTS_MAX; i++) {
		if (!read_at(fd, &segment, sizeof(segment),
			header.e_phoff + i * sizeof(segment)))
			return (false);
		if (segment.p_type != PT_NOTE)
			continue;
		size = pread(fd, notes,
		    segment.p_filesz < NOTES_MAX ? segment.p_filesz : NOTES_MAX,
		    (off_t)segment.p_offset);
		if (size > 0 && find_note(notes, (size_t)size, ret_text))
			return (true);
	}
	return (false);
}

int
build_id_read(const char *path, char ret_text[static BUILD_ID_TEXT])
{
	int fd;
	bool found;

	*ret_text = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return (-errno);
	found = find_in(fd, ret_text);
	(void)close(fd);
	return (found ? 0 : -ENOENT);
}

struct build_ids *
build_ids_new(uint32_t count)
{
	struct build_ids *builds;

	builds = calloc(1, sizeof(*builds) + count * sizeof(builds->texts[0]));
	if (builds != NULL)
		builds->count = count;
	return (builds);
}

struct build_ids *
build_ids_read(const struct config_pool *config)
{
	struct build_ids *builds = build_ids_new(config->module_count);

	if (builds == NULL)
		return (NULL);
	for (uint32_t i = 0; i < builds->count; i++)
		(void)build_id_read(config->modules[i].path, builds->texts[i]);
	return (builds);
}

const char *
build_ids_get(const struct build_ids *builds, uint32_t module)
{
	if (builds == NULL || module >= builds->count)
		return ("");
	return (builds->texts[module]);
}
