# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DREADME=file -DOUTPUT=file -P readme_extract.cmake: write the first
# ```c block of a README to OUTPUT.

file(READ "${README}" page)
# Brackets and semicolons mean something to CMake's lists; none is made here.
string(FIND "${page}" "\n```c\n" start)
if(start EQUAL -1)
	message(FATAL_ERROR "${README} has no C program")
endif()
math(EXPR start "${start} + 6")
string(SUBSTRING "${page}" ${start} -1 page)
string(FIND "${page}" "\n```\n" end)
math(EXPR end "${end} + 1")
string(SUBSTRING "${page}" 0 ${end} program)
file(WRITE "${OUTPUT}" "${program}")
