# SPDX-License-Identifier: BSD-2-Clause
#
# `cpack` in a build folder of the preset release makes bulkhead and
# bulkhead-dev as Debian packages.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bulkhead)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The Bulkhead developers <bulkhead@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME bulkhead)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS
	"init-system-helpers (>= 1.54~), systemd (>= 252) | systemd-sysusers")
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
"HTTP server for native modules that survives them
Modules are shared objects written in C. They run in worker processes; when
one crashes or hangs, clients keep their connections and the log names the
module, the step and the request.")
set(deb "${PROJECT_SOURCE_DIR}/deploy/deb")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
	"${deb}/conffiles;${deb}/postinst;${deb}/prerm;${deb}/postrm")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME bulkhead-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "bulkhead (= ${PROJECT_VERSION}), gcc | c-compiler")
set(CPACK_DEBIAN_DEV_DESCRIPTION
"headers for writing modules of the Bulkhead HTTP server
The module interface, its guide, and what CMake and pkg-config find them by.")

include(CPack)
