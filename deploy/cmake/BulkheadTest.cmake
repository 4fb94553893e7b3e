# SPDX-License-Identifier: BSD-2-Clause
#
# bulkhead_test(path [SOURCES file...] [LIBS library...] [LABELS label...]
#               [TIMEOUT seconds] [ENVIRONMENT name=value...] [SERIAL])
# makes the cmocka program tests/<path>.c and the test named after the path
# with dots: unit/shm/ring becomes unit.shm.ring, with the path's first word
# as a label. `ctest -R unit.shm.ring` runs it alone; the program itself
# takes a cmocka name pattern as its argument and runs the matching cases.

find_package(cmocka REQUIRED)

function(bulkhead_test path)
	cmake_parse_arguments(T "SERIAL" "TIMEOUT"
		"SOURCES;LIBS;LABELS;ENVIRONMENT" ${ARGN})
	string(REPLACE "/" "." name "${path}")
	string(REGEX REPLACE "/.*" "" first "${path}")
	if(NOT T_TIMEOUT)
		set(T_TIMEOUT 60)
	endif()
	add_executable(test.${name}
		"${PROJECT_SOURCE_DIR}/tests/${path}.c" ${T_SOURCES})
	set_target_properties(test.${name} PROPERTIES
		RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests"
		OUTPUT_NAME "${name}")
	target_link_libraries(test.${name} PRIVATE
		${T_LIBS} bulkhead_flags cmocka)
	add_test(NAME ${name} COMMAND test.${name})
	set_tests_properties(${name} PROPERTIES
		TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77
		LABELS "${first};${T_LABELS}"
		ENVIRONMENT "${T_ENVIRONMENT}")
	if(T_SERIAL)
		set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
	endif()
endfunction()
