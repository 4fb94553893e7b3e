# SPDX-License-Identifier: BSD-2-Clause
#
# cmake -DSOURCE=page/ -DOUTPUT=page.c -P embed.cmake
# Puts page.css and the scripts into page.html, where it says STYLE and SCRIPT,
# and writes the document as a C array, with the policy that allows exactly
# this style and this script.

# base64(hex result): of a string of hexadecimal digits.
function(base64 hex result)
	set(digits "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
	set(text "")
	string(LENGTH "${hex}" length)
	set(at 0)
	while(at LESS length)
		string(SUBSTRING "${hex}" ${at} 6 group)
		string(LENGTH "${group}" got)
		string(SUBSTRING "${group}0000" 0 6 group)
		math(EXPR word "0x${group}")
		math(EXPR characters "${got} / 2")
		foreach(shift 18 12 6 0)
			if(characters LESS 0)
				string(APPEND text "=")
			else()
				math(EXPR digit "(${word} >> ${shift}) & 63")
				string(SUBSTRING "${digits}" ${digit} 1 digit)
				string(APPEND text "${digit}")
			endif()
			math(EXPR characters "${characters} - 1")
		endforeach()
		math(EXPR at "${at} + 6")
	endwhile()
	set(${result} "${text}" PARENT_SCOPE)
endfunction()

# read_files(result name...): these files of the page, one after the other.
function(read_files result)
	set(all "")
	foreach(name ${ARGN})
		file(READ "${SOURCE}/${name}" text)
		string(APPEND all "${text}")
	endforeach()
	set(${result} "${all}" PARENT_SCOPE)
endfunction()

read_files(document page.html)
read_files(style page.css)
read_files(script ${SCRIPTS})

string(SHA256 hash "${style}")
base64(${hash} style_hash)
string(SHA256 hash "${script}")
base64(${hash} script_hash)

string(REPLACE "STYLE" "${style}" document "${document}")
string(REPLACE "SCRIPT" "${script}" document "${document}")
file(WRITE "${OUTPUT}.html" "${document}")
file(READ "${OUTPUT}.html" bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")

file(WRITE "${OUTPUT}" "/* Made by embed.cmake: change the folder page/ instead. */
#include \"shm/admin/page.h\"

const unsigned char page_bytes[] = {
${bytes}
};
const size_t page_length = sizeof(page_bytes);
const char page_policy[] =
    \"default-src 'none'; script-src 'sha256-${script_hash}'; \"
    \"style-src 'sha256-${style_hash}'; connect-src 'self'; img-src data:; \"
    \"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\";
")
