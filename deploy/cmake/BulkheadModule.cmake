# SPDX-License-Identifier: BSD-2-Clause
#
# bulkhead_add_module(name source...): a module, a shared object that sees
# only the public headers and leaves bh_* for the worker to resolve.

function(bulkhead_add_module name)
	add_library(${name} MODULE ${ARGN})
	set_target_properties(${name} PROPERTIES
		PREFIX ""
		OUTPUT_NAME "${name}"
		LIBRARY_OUTPUT_DIRECTORY "${BULKHEAD_MODULE_OUTPUT_DIRECTORY}")
	target_link_libraries(${name} PRIVATE bulkhead::module bulkhead_module_flags)
endfunction()
