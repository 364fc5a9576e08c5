/*
 * The core's own settings: what may stand in [bobbin]. A plain value; texts belong to the config.
 */
#ifndef CORE_CONFIG_SETTINGS_H
#define CORE_CONFIG_SETTINGS_H

#include "plugins/bobbin.h"

enum settings_role { ROLE_ALL, ROLE_WEB, ROLE_SPOOLER };
enum settings_log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct settings {
    uint64_t role;      /* enum settings_role */
    bobbin_list listen; /* "http://127.0.0.1:8080", ... */
    const char *admin;  /* "" : no admin listener */
    uint64_t workers;   /* 1..64, UINT64_MAX is auto */
    uint64_t backlog;
    const char *plugin_directory; /* where <name>.so is looked for */
    const char *temporary_directory;

    uint64_t log_level;     /* enum bobbin_level */
    uint64_t log_format;    /* enum settings_log_format, of the log and of the access log */
    const char *access_log; /* "off", "stdout" or a path */

    uint64_t keepalive_timeout_ms;
    uint64_t head_timeout_ms;
    uint64_t body_timeout_ms; /* between reads */
    uint64_t write_timeout_ms;
    uint64_t request_timeout_ms; /* from complete head to end, then 504; or between writes */
    uint64_t shutdown_timeout_ms;

    uint64_t max_connections; /* per worker */
    uint64_t max_requests;    /* in apps at one time, per worker; beyond it 503 */
    uint64_t max_request_line_bytes;
    uint64_t max_head_bytes;
    uint64_t max_fields;
    uint64_t max_body_bytes;
    uint64_t body_memory_bytes; /* larger bodies are spilled to a file */
    uint64_t answer_memory_bytes;
    uint64_t threads;       /* of one worker, for bobbin_offload */
    uint64_t offload_queue; /* calls that may wait for one of them */
    uint64_t write_high_mark_bytes;
    uint64_t write_low_mark_bytes;
};

extern const struct bobbin_option settings_rows[];

/* CPUs this container really has: affinity and the quotas of all its cgroups (v1, v2), at least 1.
 */
unsigned settings_cpus(void);

#endif
