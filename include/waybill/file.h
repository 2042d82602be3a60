#ifndef WAYBILL_FILE_H
#define WAYBILL_FILE_H

#include "waybill/str.h"

/* All that is left to read, as far as the string's cap goes (then it has
 * overflowed). -1 and errno. What passes through may be a secret: no copy stays
 * behind. */
int file_read_all(int fd, struct str *out);

/* Why a file could not be opened: strerror(), or, where its permissions would
 * have let us and the sandbox does not, that and what to do. */
const char *file_reason(const char *path, int error);

#endif
