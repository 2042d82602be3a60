#ifndef WAYBILL_COMPILER_H
#define WAYBILL_COMPILER_H

/* Names for the few compiler extensions in use. */

#define PRINTF(format_index, first_arg)                                        \
    __attribute__((format(printf, format_index, first_arg)))
#define NODISCARD __attribute__((warn_unused_result))
#define CLEANUP(function) __attribute__((cleanup(function)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
