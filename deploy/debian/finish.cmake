# cpack runs this in the tree that becomes the package. It compresses the files that
# Debian requires to be compressed, reproducibly, and adds the changelog and lintian's
# overrides.
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
set(doc ${share}/doc/waybill)

function(compress)
  execute_process(COMMAND gzip -9nf ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# The date of the entry is that of the commit, if the build names it.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(date --date=@$ENV{SOURCE_DATE_EPOCH})
endif()
execute_process(COMMAND date --utc --rfc-email ${date}
  OUTPUT_VARIABLE now OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${doc}/changelog
"waybill (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * What has changed is in CHANGELOG.md of the source.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
compress(${doc}/changelog ${share}/man/man1/waybill.1 ${share}/man/man5/waybill.yaml.5)
file(MAKE_DIRECTORY ${share}/lintian/overrides)
file(COPY_FILE ${CMAKE_CURRENT_LIST_DIR}/lintian-overrides ${share}/lintian/overrides/waybill)
