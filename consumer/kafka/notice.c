#include <stdarg.h>
#include <stdio.h>

#include "membership.h"
#include "waybill/limits.h"

/* What is said to the owner of the client, which logs it */

void kafka_notice(struct kafka *kafka, enum log_level level, const char *format,
                  ...)
{
    char text[LIMIT_MESSAGE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    kafka->handler->notice(kafka->payload, level, text);
}
