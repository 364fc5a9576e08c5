/* The functions of plugins/bobbin.h that are about the host itself. */
#include <stdarg.h>

#include "core/base/log.h"
#include "core/plugin/plugin.h"

void bobbin_log(bobbin_host *host, enum bobbin_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_writev(host->log, level, host->instance, format, arguments);
    va_end(arguments);
}

const char *bobbin_instance(bobbin_host *host)
{
    return host->instance;
}

bool bobbin_in_job_process(bobbin_host *host)
{
    return host->worker == NULL;
}
