# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DREADME=file -DSOURCE_ROOT=folder -DFOLDER=scratch -DNAME=name
#     -DSERVER=program -P readme_command.cmake
# Do what a README tells the reader to do: save its first C program as NAME.c,
# build it with the line that begins with "cc", and let the server load it.
# FOLDER stands in for the source tree's root, with a link to include/ as all
# that it needs.

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
file(CREATE_LINK "${SOURCE_ROOT}/include" "${FOLDER}/include" SYMBOLIC)
set(OUTPUT "${FOLDER}/${NAME}.c")
include("${CMAKE_CURRENT_LIST_DIR}/readme_extract.cmake")

file(READ "${README}" page)
if(NOT page MATCHES "\n    (cc [^\n]*)\n")
	message(FATAL_ERROR "${README} has no line that begins with cc")
endif()
set(command "${CMAKE_MATCH_1}")
execute_process(COMMAND sh -c "${command}" WORKING_DIRECTORY "${FOLDER}"
	RESULT_VARIABLE result ERROR_VARIABLE complaints)
if(NOT result EQUAL 0 OR NOT complaints STREQUAL "")
	message(FATAL_ERROR "${command}: ${result}\n${complaints}")
endif()
if(NOT EXISTS "${FOLDER}/${NAME}.so")
	message(FATAL_ERROR "${command} makes no ${NAME}.so")
endif()

execute_process(
	COMMAND "${SERVER}" -t -l 127.0.0.1:0 --control ./control.sock
		-m ./${NAME}.so
	WORKING_DIRECTORY "${FOLDER}"
	RESULT_VARIABLE result ERROR_VARIABLE complaints)
if(NOT result EQUAL 0)
	message(FATAL_ERROR "the server and ${NAME}.so: ${result}\n${complaints}")
endif()
