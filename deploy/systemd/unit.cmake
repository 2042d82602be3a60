# Installs the unit, whose source names /usr/bin/waybill, with the path `program`/waybill
# instead. Run by `cmake --install` (deploy/CMakeLists.txt); file(INSTALL) applies DESTDIR.
set(command "${program}/waybill")
string(REPLACE "%" "%%" command "${command}")
if(command MATCHES "[ \t]")
  set(command "\"${command}\"")
endif()
file(READ ${source} unit)
string(REPLACE "ExecStart=/usr/bin/waybill " "ExecStart=${command} " unit "${unit}")
file(WRITE ${unit_file} "${unit}")
file(INSTALL DESTINATION "${prefix}/lib/systemd/system" TYPE FILE FILES ${unit_file})
