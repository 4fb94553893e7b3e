# SPDX-License-Identifier: BSD-2-Clause
#
# bulkhead_flags: the language level, warnings, hardening and sanitizers that
# every target of ours is compiled with. Link it PRIVATE.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
	set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBBSD REQUIRED IMPORTED_TARGET libbsd)
find_package(Threads REQUIRED)

add_library(bulkhead_flags INTERFACE)
target_compile_definitions(bulkhead_flags INTERFACE
	_GNU_SOURCE
	BULKHEAD_VERSION="${PROJECT_VERSION}")
target_include_directories(bulkhead_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_link_libraries(bulkhead_flags INTERFACE PkgConfig::LIBBSD Threads::Threads)
target_compile_options(bulkhead_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wconversion -Wcast-qual -Wvla -Wformat=2 -Wundef
	-Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough
	-fno-common -fno-omit-frame-pointer)

include(CheckPIESupported)
check_pie_supported()

# Where valgrind's header is, it is told of our stacks: a few instructions that
# do nothing elsewhere.
include(CheckIncludeFile)
check_include_file(valgrind/valgrind.h BULKHEAD_HAVE_VALGRIND_H)
if(BULKHEAD_HAVE_VALGRIND_H)
	target_compile_definitions(bulkhead_flags INTERFACE BULKHEAD_VALGRIND)
endif()

# To measure what surviving costs, nothing else: tests/bench/README.md.
option(BULKHEAD_BARE "Leave out activity words, slots, flight recorder and \
histograms: nothing can be recovered then" OFF)
mark_as_advanced(BULKHEAD_BARE)
if(BULKHEAD_BARE)
	message(WARNING "BULKHEAD_BARE: this build is for benchmarks only")
	target_compile_definitions(bulkhead_flags INTERFACE BULKHEAD_BARE)
endif()

set(BULKHEAD_ALLOCATOR "libc")
if(BULKHEAD_SANITIZE)
	# A sanitizer brings its own allocator; jemalloc would hide its view.
	target_compile_options(bulkhead_flags INTERFACE
		-fsanitize=${BULKHEAD_SANITIZE} -fno-sanitize-recover=all)
	target_link_options(bulkhead_flags INTERFACE
		-fsanitize=${BULKHEAD_SANITIZE})
else()
	pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
	set(BULKHEAD_ALLOCATOR "jemalloc")
	target_compile_options(bulkhead_flags INTERFACE -fstack-protector-strong)
	target_link_options(bulkhead_flags INTERFACE -Wl,-z,relro,-z,now)
	target_compile_definitions(bulkhead_flags INTERFACE
		$<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
endif()

# bulkhead_use_allocator(target): the allocator of the long-running programs.
function(bulkhead_use_allocator target)
	if(NOT BULKHEAD_SANITIZE)
		target_link_libraries(${target} PRIVATE PkgConfig::JEMALLOC)
	endif()
endfunction()
