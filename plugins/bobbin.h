/*
 * bobbin.h - the contract between bobbin and its plugins, and the only header a plugin includes.
 *
 * A plugin is one shared object that exports one descriptor, made by BOBBIN_PLUGIN(...). It may
 * answer requests (.handle), run jobs (.run), speak a wire protocol (.protocol), or any mix.
 * The smallest one is plugins/hello/hello.c; the guide is plugins/README.md.
 *
 * Conventions that hold for every function here:
 *   - Threads: each call belongs to the thread that turns the worker's loop (or, for bobbin_job_*
 *     calls that take a bobbin_job, to the thread that .run was called on). The exceptions say so:
 *     bobbin_post, bobbin_log, bobbin_fail, bobbin_text, bobbin_is, bobbin_instance,
 *     bobbin_in_job_process, bobbin_job_state_name and bobbin_work_stopping are safe from any.
 *   - A bobbin_str that a function returns points into memory of the request, job or host that it
 *     was asked from and dies with it. It is not terminated by NUL. Absent is data == NULL; present
 *     and empty is length == 0 with data != NULL.
 *   - Text that is handed in is copied before the call returns, unless the function says otherwise.
 *   - Times are in milliseconds unless the name says otherwise; sizes are in bytes.
 *   - ABI: structs that cross the border start with their size or are marked frozen; new members go
 *     to the end, and zero or NULL always means the default.
 */
#ifndef BOBBIN_H
#define BOBBIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this contract. A plugin is loaded only by a server that speaks the same one. */
#define BOBBIN_ABI 1u
#define BOBBIN_MAGIC 0x4e424f42u /* "BOBN", little-endian */

#if defined(__GNUC__)
#define BOBBIN_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define BOBBIN_EXPORT __attribute__((visibility("default")))
#else
#define BOBBIN_PRINTF(format_index, first)
#define BOBBIN_EXPORT
#endif

/* Behind each member of a struct that a macro below fills in: C++ then knows that what is not named
 * is zero, and does not warn. In C that is so anyway. */
#ifdef __cplusplus
#define BOBBIN_ZERO = {}
#else
#define BOBBIN_ZERO
#endif

/* ------------------------------------------------------------------ plain values (frozen) */

/* Some bytes that somebody else owns. */
typedef struct bobbin_str {
    const char *data;
    size_t length;
} bobbin_str;

/* For printf: printf("%.*s", BOBBIN_ARG(name)). */
#define BOBBIN_ARG(str) (int)(str).length, ((str).data != NULL ? (str).data : "")

/* One header field of a request, an answer or a job. */
typedef struct bobbin_field {
    bobbin_str name;
    bobbin_str value;
} bobbin_field;

/* Why something failed, as one sentence without a final full stop. */
typedef struct bobbin_error {
    char text[512];
} bobbin_error;

typedef struct bobbin_host bobbin_host;       /* this plugin instance in this process */
typedef struct bobbin_request bobbin_request; /* one request and its answer */
typedef struct bobbin_job bobbin_job;         /* one attempt to run one job */
typedef struct bobbin_timer bobbin_timer;
typedef struct bobbin_work bobbin_work; /* one call on the thread pool: bobbin_offload */

/*
 * Names a request without pointing to it: may be kept, copied and handed to other threads, and is
 * harmless when the request is long gone.
 */
typedef struct bobbin_ticket {
    bobbin_host *host;
    uint32_t slot;
    uint32_t generation;
} bobbin_ticket;

/* The bytes of a terminated text. Any thread; never fails; NULL gives an absent str. */
bobbin_str bobbin_text(const char *text);

/* Whether the bytes of the str are exactly those of the text. Any thread. */
bool bobbin_is(bobbin_str str, const char *text);

/*
 * Writes the sentence into *error (cut at its size; error may be NULL) and returns false, so that
 * "return bobbin_fail(error, ...)" is a whole failure. Any thread.
 */
bool bobbin_fail(bobbin_error *error, const char *format, ...) BOBBIN_PRINTF(2, 3);

/* ------------------------------------------------------------------ options */

/*
 * A plugin declares what people may write in its section of the INI file as a table of rows that
 * ends with BOBBIN_OPTIONS_END. The core allocates the config struct (zeroed), fills each field
 * from the file or from the row's default text (read by the same parser), refuses unknown keys and
 * values out of limits with file, line and what is legal, and prints help from the table.
 */
enum bobbin_option_type {
    BOBBIN_TYPE_COUNT = 1, /* uint64_t: a decimal number */
    BOBBIN_TYPE_SIZE,      /* uint64_t, bytes: 512, 64k, 16m, 1g (powers of 1024) */
    BOBBIN_TYPE_TIME,      /* uint64_t, milliseconds: 250ms, 30s, 5m, 2h, 7d */
    BOBBIN_TYPE_FLAG,      /* bool: on, off, true, false, yes, no */
    BOBBIN_TYPE_TEXT,      /* const char *: never NULL, maybe empty */
    BOBBIN_TYPE_CHOICE,    /* uint64_t: index into "one|two|three" of the row */
    BOBBIN_TYPE_PATH,      /* const char *: a path; relative to the folder bobbin was started in */
    BOBBIN_TYPE_LIST       /* bobbin_list: a key that may be given more than once */
};

/* The values of a repeated key, in the order of the file. Owned by the config. (frozen) */
typedef struct bobbin_list {
    const char *const *items;
    size_t count;
} bobbin_list;

#define BOBBIN_OPTION_REQUIRED 1u /* no default: the key must be given */
#define BOBBIN_OPTION_SECRET 2u   /* "bobbin config" prints ****** instead of the value */
#define BOBBIN_OPTION_AUTO 4u     /* the word "auto" is legal as well and is stored as UINT64_MAX */

/* One row (frozen). Make rows with the macros below: they check the field's C type. */
struct bobbin_option {
    const char *name;         /* the key, lower case with dashes; NULL ends the table */
    uint32_t type;            /* enum bobbin_option_type */
    uint32_t flags;           /* BOBBIN_OPTION_* */
    size_t offset;            /* of the field in the config struct */
    const char *default_text; /* what the key is when nobody gives it; NULL is "" */
    const char *choices;      /* CHOICE: "one|two|three" */
    uint64_t minimum;         /* of a COUNT, SIZE or TIME */
    uint64_t maximum;         /* of a COUNT, SIZE or TIME; of the length of a TEXT (0: no limit) */
    const char *help;         /* one sentence */
    uint64_t reserved[3];
};

/* clang-format off */
#ifdef __cplusplus
#define BOBBIN_OFFSET(type, structure, field)                                                      \
    (offsetof(structure, field) +                                                                  \
     0 * sizeof(static_cast<type const *>(&static_cast<structure *>(nullptr)->field)))
#else
#define BOBBIN_OFFSET(type, structure, field)                                                      \
    _Generic(&((structure *)0)->field, type *: offsetof(structure, field))
#endif
#define BOBBIN_ROW(type_, ctype, structure, field, name_, default_, minimum_, maximum_, choices_,  \
                   flags_, help_)                                                                  \
    { name_, type_, flags_, BOBBIN_OFFSET(ctype, structure, field), default_, choices_,            \
      minimum_, maximum_, help_, { 0, 0, 0 } }

#define BOBBIN_COUNT(structure, field, name, default_text, minimum, maximum, help)                 \
    BOBBIN_ROW(BOBBIN_TYPE_COUNT, uint64_t, structure, field, name, default_text, minimum,         \
               maximum, NULL, 0, help)
#define BOBBIN_COUNT_OR_AUTO(structure, field, name, default_text, minimum, maximum, help)         \
    BOBBIN_ROW(BOBBIN_TYPE_COUNT, uint64_t, structure, field, name, default_text, minimum,         \
               maximum, NULL, BOBBIN_OPTION_AUTO, help)
#define BOBBIN_SIZE(structure, field, name, default_text, minimum, maximum, help)                  \
    BOBBIN_ROW(BOBBIN_TYPE_SIZE, uint64_t, structure, field, name, default_text, minimum,          \
               maximum, NULL, 0, help)
#define BOBBIN_TIME(structure, field, name, default_text, minimum_ms, maximum_ms, help)            \
    BOBBIN_ROW(BOBBIN_TYPE_TIME, uint64_t, structure, field, name, default_text, minimum_ms,       \
               maximum_ms, NULL, 0, help)
#define BOBBIN_FLAG(structure, field, name, default_text, help)                                    \
    BOBBIN_ROW(BOBBIN_TYPE_FLAG, bool, structure, field, name, default_text, 0, 0, NULL, 0, help)
#define BOBBIN_TEXT(structure, field, name, default_text, help)                                    \
    BOBBIN_ROW(BOBBIN_TYPE_TEXT, const char *, structure, field, name, default_text, 0, 0, NULL,   \
               0, help)
#define BOBBIN_SECRET(structure, field, name, default_text, help)                                  \
    BOBBIN_ROW(BOBBIN_TYPE_TEXT, const char *, structure, field, name, default_text, 0, 0, NULL,   \
               BOBBIN_OPTION_SECRET, help)
#define BOBBIN_CHOICE(structure, field, name, default_text, choices, help)                         \
    BOBBIN_ROW(BOBBIN_TYPE_CHOICE, uint64_t, structure, field, name, default_text, 0, 0, choices,  \
               0, help)
#define BOBBIN_PATH(structure, field, name, default_text, help)                                    \
    BOBBIN_ROW(BOBBIN_TYPE_PATH, const char *, structure, field, name, default_text, 0, 0, NULL,   \
               0, help)
#define BOBBIN_PATH_REQUIRED(structure, field, name, help)                                         \
    BOBBIN_ROW(BOBBIN_TYPE_PATH, const char *, structure, field, name, NULL, 0, 0, NULL,           \
               BOBBIN_OPTION_REQUIRED, help)
#define BOBBIN_LIST(structure, field, name, help)                                                  \
    BOBBIN_ROW(BOBBIN_TYPE_LIST, bobbin_list, structure, field, name, NULL, 0, 0, NULL, 0, help)
#define BOBBIN_OPTIONS_END { NULL, 0, 0, 0, NULL, NULL, 0, 0, NULL, { 0, 0, 0 } }
/* clang-format on */

/* ------------------------------------------------------------------ the descriptor */

/* What .run answers. */
enum bobbin_job_result {
    BOBBIN_JOB_DONE = 0,  /* finished; what was written with bobbin_job_result is its result */
    BOBBIN_JOB_RETRY = 1, /* try again after the queue's backoff, or after bobbin_job_retry_after */
    BOBBIN_JOB_FAILED = 2, /* never again: a dead letter, with the sentence of bobbin_job_fail */
};

struct bobbin_protocol;

/*
 * Life: loaded once (before any fork) -> start, in every worker and in every job process ->
 * handle / run, many times -> drain -> stop. Any member but name may be missing.
 */
struct bobbin_plugin {
    /* The frozen head: the same bytes in every ABI, checked before any function is called. */
    uint32_t magic BOBBIN_ZERO;
    uint32_t abi BOBBIN_ZERO;
    uint32_t size BOBBIN_ZERO;
    uint32_t reserved BOBBIN_ZERO;
    const char *name BOBBIN_ZERO; /* its section in the INI file; [a-z0-9-], at most 32 bytes */

    /* From here on members are only ever added at the end. */
    const char *about BOBBIN_ZERO;   /* one sentence */
    const char *version BOBBIN_ZERO; /* the author's own; any text */
    const struct bobbin_option *options BOBBIN_ZERO;
    size_t config_size BOBBIN_ZERO; /* sizeof of the struct that the options fill */

    /*
     * Called in each process that will call handle or run; may block and take long. config lives as
     * long as the process. *state is what every later call gets; it starts as (void *)config, so
     * that a plugin without state of its own needs no start. On false the process does not serve
     * and the sentence is logged.
     */
    bool (*start)(bobbin_host *host, const void *config, void **state,
                  bobbin_error *error) BOBBIN_ZERO;
    /* In workers, once: new work ends soon, running work goes on. Time to end what only listens. */
    void (*drain)(void *state) BOBBIN_ZERO;
    /* The last call in this process: frees the state. Not called when start failed. */
    void (*stop)(void *state) BOBBIN_ZERO;

    /*
     * App. Called on the worker's loop, when head and body are complete; with .on_body already when
     * the head is. Must lead to exactly one end of the request, now or later (unless on_abort comes
     * first): bobbin_end, bobbin_refuse, bobbin_cut, bobbin_accept or bobbin_spool_and_accept. To
     * keep the request past the return, set on_finish, or keep a ticket; what hands it back by
     * itself (on_stored, on_job, done) needs neither.
     */
    void (*handle)(void *state, bobbin_request *request) BOBBIN_ZERO;
    /*
     * The body as it comes. The piece is valid during the call only; it may be empty. is_last is
     * true exactly once, also for a request without a body, unless the request ends before.
     * After bobbin_collect_body it is called once: with an empty piece, when all is there.
     */
    void (*on_body)(void *state, bobbin_request *request, bobbin_str piece,
                    bool is_last) BOBBIN_ZERO;
    /* A write was answered BLOCKED, and less than "write-low-mark" waits for the client now. */
    void (*on_writable)(void *state, bobbin_request *request) BOBBIN_ZERO;
    /*
     * The client is gone or the deadline passed before the end: stop working on it; it needs no end
     * any more. At most once. After it returns, what was read from the client (path, headers, body)
     * reads as empty, and what pointed there must not be used. A client is gone when it resets or a
     * write to it fails. One that closes in order looks like one that has only finished sending and
     * waits for its answer (RFC 9112, section 9.6): it is noticed by the next write, or not at all.
     */
    void (*on_abort)(void *state, bobbin_request *request) BOBBIN_ZERO;
    /* The last call about this request: forget the pointer, begin nothing for it. Exactly once for
     * each handle, and never inside another call of the request's. */
    void (*on_finish)(void *state, bobbin_request *request) BOBBIN_ZERO;

    /* Job. Called in a job process, may block and burn CPU as it likes. */
    enum bobbin_job_result (*run)(void *state, bobbin_job *job) BOBBIN_ZERO;

    /* Protocol: turns bytes into requests and answers into bytes. */
    const struct bobbin_protocol *protocol BOBBIN_ZERO;

    const void *engine BOBBIN_ZERO;    /* reserved: keeps jobs elsewhere than in a directory */
    const void *transport BOBBIN_ZERO; /* reserved: TLS */
};

/* The name that the server looks up with dlsym. */
#define BOBBIN_DESCRIPTOR bobbin_plugin_descriptor

/*
 * BOBBIN_PLUGIN(.name = "hello", .handle = greet); once in a plugin, in C or in C++20, which wants
 * the members in the order of the struct. No exception may leave a callback.
 *
 * C++ older than 20 sets fields, in the body of a function that is called once, at load:
 *
 *     BOBBIN_PLUGIN_FIELDS(plugin)
 *     {
 *         plugin.name = "hello";
 *         plugin.handle = greet;
 *     }
 */
#ifdef __cplusplus
#define BOBBIN_PLUGIN_FIELDS(plugin)                                                               \
    static void bobbin_set_plugin_fields(bobbin_plugin &);                                         \
    extern "C" {                                                                                   \
    extern BOBBIN_EXPORT const bobbin_plugin BOBBIN_DESCRIPTOR;                                    \
    const bobbin_plugin BOBBIN_DESCRIPTOR = bobbin_plugin_with(bobbin_set_plugin_fields);          \
    }                                                                                              \
    static void bobbin_set_plugin_fields(bobbin_plugin &plugin)
#define BOBBIN_PLUGIN(...)                                                                         \
    extern "C" BOBBIN_EXPORT const struct bobbin_plugin BOBBIN_DESCRIPTOR = {                      \
        .magic = BOBBIN_MAGIC,                                                                     \
        .abi = BOBBIN_ABI,                                                                         \
        .size = sizeof(struct bobbin_plugin),                                                      \
        .reserved = 0,                                                                             \
        __VA_ARGS__}
#else
#define BOBBIN_PLUGIN(...)                                                                         \
    extern const struct bobbin_plugin BOBBIN_DESCRIPTOR;                                           \
    BOBBIN_EXPORT const struct bobbin_plugin BOBBIN_DESCRIPTOR = {                                 \
        .magic = BOBBIN_MAGIC,                                                                     \
        .abi = BOBBIN_ABI,                                                                         \
        .size = sizeof(struct bobbin_plugin),                                                      \
        __VA_ARGS__}
#endif

/* ------------------------------------------------------------------ host */

enum bobbin_level { BOBBIN_DEBUG, BOBBIN_INFO, BOBBIN_WARNING, BOBBIN_ERROR };

/* One line in the server's log (of a request: bobbin_host_of; of a job: bobbin_host_of_job), with
 * the instance's name, if "log-level" lets it through. Any thread. Control characters are escaped;
 * what is beyond 4,096 bytes is cut. Never fails. */
void bobbin_log(bobbin_host *host, enum bobbin_level level, const char *format, ...)
    BOBBIN_PRINTF(3, 4);

/* The name of this instance: "static", or "static:assets" for [static:assets]. Any thread; lives as
 * long as the process. */
const char *bobbin_instance(bobbin_host *host);

/* Whether this is a job process (run is called here) and not a worker (handle is called here). Any
 * thread. */
bool bobbin_in_job_process(bobbin_host *host);

/*
 * Calls on_timer(arg) on the loop after delay_ms (0: in its next turn), then every repeat_ms (0:
 * once; the timer is then freed after its call). The timer is the core's, arg stays yours. Only in
 * workers, on the loop: NULL in a job process or without memory. All timers of an instance are
 * stopped before its stop is called.
 */
bobbin_timer *bobbin_timer_start(bobbin_host *host, uint64_t delay_ms, uint64_t repeat_ms,
                                 void (*on_timer)(void *arg), void *arg);

/* Stops and frees a timer that has not ended by itself: it is not called any more. On the loop,
 * also inside on_timer. NULL is fine. */
void bobbin_timer_stop(bobbin_timer *timer);

/* ------------------------------------------------------------------ request: reading */

/*
 * For all of these: on the loop, from handle to on_finish. They cannot fail, and return what lives
 * as long as the request; once on_abort has returned, what the client sent reads as empty.
 */

/* The host of the instance that has the request. Never NULL; lives as long as the process. */
bobbin_host *bobbin_host_of(bobbin_request *request);

/* As it came: "GET", "POST". */
bobbin_str bobbin_method(bobbin_request *request);
/* Percent-decoded once and normalised (no empty, "." or ".." segments); begins with "/". */
bobbin_str bobbin_path(bobbin_request *request);
/* What follows the route's prefix in the path: "" or "/rest". */
bobbin_str bobbin_path_rest(bobbin_request *request);
/* The prefix of the route that led here: "/jobs"; "" for the route "/". */
bobbin_str bobbin_route(bobbin_request *request);
/* The request target as it came, query included. */
bobbin_str bobbin_target(bobbin_request *request);
/* The raw query, without "?"; absent when there is none. */
bobbin_str bobbin_query_string(bobbin_request *request);
/* The first value of a query parameter, decoded ("+" is a space) at each call; absent when there is
 * none, or no memory. */
bobbin_str bobbin_query(bobbin_request *request, const char *name);
/* A header field of the request by its name (any case): the first of its lines, or absent. */
bobbin_str bobbin_get_header(bobbin_request *request, const char *name);
/* All header fields in the order they came, names as the client wrote them; *count gets their
 * number. */
const bobbin_field *bobbin_headers(bobbin_request *request, size_t *count);
/* The address of the client without its port: "127.0.0.1", "::1"; "unix" for a unix socket. */
bobbin_str bobbin_client_address(bobbin_request *request);
bobbin_str bobbin_scheme(bobbin_request *request); /* "http" */
/* host[:port], of the request target or else of Host (RFC 9112, section 3.3); empty when none came.
 */
bobbin_str bobbin_authority(bobbin_request *request);
/* 32 hex digits that name this request in the logs; a client's own X-Request-Id when it is sane. */
bobbin_str bobbin_request_id(bobbin_request *request);

/* The length of the body, wherever it is; while it still comes: of what has come. */
uint64_t bobbin_body_length(bobbin_request *request);
/* The body when it is in memory ("body-memory" in the INI), absent when it was spilled to a file,
 * or went to on_body. */
bobbin_str bobbin_body(bobbin_request *request);
/* The descriptor of a spilled body (from offset 0), or -1. It stays the core's: do not close it. */
int bobbin_body_fd(bobbin_request *request);
/*
 * What the client says its body is long; UINT64_MAX when it does not say (chunked), 0 without one.
 */
uint64_t bobbin_body_expected(bobbin_request *request);
/*
 * Copies at most size bytes of the body from offset on, wherever it is. Returns how many (0 at the
 * end), or -1 with errno when the file cannot be read.
 */
int64_t bobbin_body_read(bobbin_request *request, uint64_t offset, void *buffer, size_t size);

/*
 * For apps with .on_body, inside handle: this body is to be kept, in memory or in a file, as for
 * apps without it, and on_body is to be called once, when all of it is there. False when it is
 * longer than "max-body": the request was then refused with 413. One that turns out to be is
 * refused later: on_abort, then 413. Streamed bodies have no such limit.
 */
bool bobbin_collect_body(bobbin_request *request);

/* No on_body until bobbin_resume: the socket is not read meanwhile, and the client has to wait.
 * Twice is once. Without effect once the body is complete. One pause may last "request-timeout". */
void bobbin_pause(bobbin_request *request);
/* on_body goes on, from the loop, never inside this call. Without a pause it does nothing. */
void bobbin_resume(bobbin_request *request);

/* Something of the app's own that goes with the request, to be read until on_finish has returned;
 * NULL at first. Never freed by the core. */
void bobbin_set_data(bobbin_request *request, void *data);
void *bobbin_data(bobbin_request *request);

/* Memory that is freed after on_finish, aligned for any type, not zeroed. size at most 1 MiB. NULL
 * when there is none. */
void *bobbin_allocate(bobbin_request *request, size_t size);

/* ------------------------------------------------------------------ request: answering */

/*
 * For all of these: on the loop, from handle to on_finish. For a request that has ended or whose
 * client has left they do nothing, and say so in what they return. Texts and bytes are copied.
 */

/* The status of the answer: 200 when never called. 200..999; others are logged and become 500.
 * After bobbin_begin it is logged and does nothing. */
void bobbin_status(bobbin_request *request, int status);

/*
 * Adds a header field. False (and a line in the log) for a name that is not a token, a value with
 * CR, LF, NUL or another control character, a field that belongs to the core (Connection,
 * Transfer-Encoding, Keep-Alive, Content-Length, Date, Trailer, Upgrade), or after bobbin_begin.
 * False too without memory. The same name twice is two fields. bobbin_headerf formats the value, at
 * most 4,095 bytes. RFC 9110, sections 5.1 and 5.5.
 */
bool bobbin_header(bobbin_request *request, const char *name, const char *value);
bool bobbin_headerf(bobbin_request *request, const char *name, const char *format, ...)
    BOBBIN_PRINTF(3, 4);

enum bobbin_flow {
    BOBBIN_FLOWING = 0, /* taken */
    BOBBIN_BLOCKED = 1, /* taken, but wait for on_writable (streamed answers only) */
    BOBBIN_GONE = 2     /* not taken: ended, client left, above "answer-memory", or no memory */
};

/*
 * Appends to the body of the answer. Before bobbin_begin it is kept until the end and sent with
 * Content-Length; beyond "answer-memory" of the INI it becomes 500. After bobbin_begin it is on its
 * way when the present callback returns: BLOCKED says that more than "write-high-mark" waits for
 * the client; who writes on regardless is cut off at "answer-memory". Copied before it returns.
 */
enum bobbin_flow bobbin_write(bobbin_request *request, const void *data, size_t length);
enum bobbin_flow bobbin_print(bobbin_request *request, const char *format, ...) BOBBIN_PRINTF(2, 3);
/* Appends the text as the inside of a JSON string (RFC 8259, section 7), without the quotes. */
enum bobbin_flow bobbin_write_json(bobbin_request *request, bobbin_str text);

/*
 * Sends length bytes of the file from offset on, with sendfile(2). Before bobbin_begin that is the
 * whole body: nothing may have been written. After it, it is the next piece, and any number of
 * ranges and writes may follow. The descriptor (of a regular file) belongs to the core from here
 * on, also when false is returned: ended, gone, or a body was written (or fd is negative). A file
 * that ends early cuts the connection.
 */
bool bobbin_send_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length);

#define BOBBIN_LENGTH_UNKNOWN UINT64_MAX

/*
 * Streams: sends status and header fields now; the body follows in pieces until bobbin_end. length
 * is that of the whole body: one byte more is cut off and logged, one less closes the connection.
 * With BOBBIN_LENGTH_UNKNOWN the answer is chunked, or ends with the connection for HTTP/1.0
 * (RFC 9112, section 6.3). What was written before is its first piece. False when it has begun or
 * ended already. HEAD, 204 and 304 send no body: what is written is taken and thrown away.
 * "request-timeout" then is the longest silence between two writes.
 */
bool bobbin_begin(bobbin_request *request, uint64_t length);

/*
 * A trailer field behind a chunked body; after bobbin_begin, before the end. False when it cannot
 * be sent: a known length, HTTP/1.0, or a field that no trailer may carry (RFC 9110, section
 * 6.5.1), which is logged.
 */
bool bobbin_trailer(bobbin_request *request, const char *name, const char *value);

/*
 * An interim answer before the answer, at once: 103 with Link fields, for example (RFC 8297).
 * status is 102..199 and not 101. False for HTTP/1.0, after the begin, and for illegal fields.
 */
bool bobbin_interim(bobbin_request *request, int status, const bobbin_field *fields,
                    size_t field_count);

/*
 * Sends the answer, or the end of one that has begun, once the present callback has returned; what
 * still has to call back (a job being stored, offloaded work) is not waited for. A second end is
 * logged with the plugin's name and does nothing.
 */
void bobbin_end(bobbin_request *request);

/* The whole answer to a bad request: the status, and {"error": "<the sentence>"} as JSON, in place
 * of what was written. Header fields that were added stay, but for those about the body. Ends it.
 * An answer that has begun cannot be taken back: it is cut, and the sentence is logged. */
void bobbin_refuse(bobbin_request *request, int status, const char *format, ...)
    BOBBIN_PRINTF(3, 4);

/* Ends the request by closing its connection: how a client learns that an answer that has begun
 * will never be whole. */
void bobbin_cut(bobbin_request *request);

/* ------------------------------------------------------------------ request: later */

/* The ticket of a request, to be kept and copied at will. On the loop, from handle to on_finish;
 * cannot fail. */
bobbin_ticket bobbin_ticket_for(bobbin_request *request);

/*
 * Any thread: has on_loop(request, arg) called once on the loop of the ticket's worker. request is
 * NULL when the request has finished by then, so that arg can be freed. Returns false (and never
 * calls) only without memory or when the worker has stopped: arg is then still the caller's.
 */
bool bobbin_post(bobbin_ticket ticket, void (*on_loop)(bobbin_request *request, void *arg),
                 void *arg);

/*
 * Runs work(work, arg) on a thread of the pool ("threads"), then calls done(request, ran, arg) on
 * the loop: exactly once, never before this returns, before on_finish and also after on_abort. ran
 * is false when the client left (or the worker stopped) before a thread was free. work may block;
 * it must not touch the request, nor what points into it: copy what it needs first (into
 * bobbin_allocate, which stays until done has returned; a spilled body by dup(2) of its
 * descriptor). On the loop. False when "offload-queue" calls wait already: nothing will be called,
 * arg is still yours, and the request was refused with 503 (cut, when it had begun). False too, and
 * logged, when the request has ended or its client has left.
 */
bool bobbin_offload(bobbin_request *request, void (*work)(bobbin_work *work, void *arg),
                    void (*done)(bobbin_request *request, bool ran, void *arg), void *arg);

/* Whether nobody waits for this work any more: its client left, or the worker stops. Any thread. */
bool bobbin_work_stopping(const bobbin_work *work);

/* ------------------------------------------------------------------ jobs: from an app */

/*
 * What takes a request is called on the loop, from handle until on_finish (but not in it), and
 * calls back there. Specs and ids are copied. What a callback is handed lives until it returns.
 */

enum bobbin_durability {
    BOBBIN_DURABILITY_QUEUE = 0, /* as [queue:NAME] or [spool] says */
    BOBBIN_DURABILITY_POWER,     /* stored once it is on disk: survives the loss of power */
    BOBBIN_DURABILITY_PROCESS /* stored once it is written: survives every crash but the kernel's */
};

/* Priority 0 (first) to 9 (last) for bobbin_job_spec; without it a job has priority 5. */
#define BOBBIN_PRIORITY(number) ((number) + 1)

/*
 * What to do; zero means the default everywhere. BOBBIN_JOB(.queue = ..., ...) makes it, in C or in
 * C++20 (there in the order of the members): a pointer that is good until the end of the block, in
 * C++ of the statement. C++ older than 20 sets fields, and hands in &spec:
 *     bobbin_job_spec spec = bobbin_job_fields();
 *     spec.queue = ...;
 */
struct bobbin_job_spec {
    size_t size BOBBIN_ZERO;
    /* [a-z0-9_-]{1,64}; NULL: the plugin's name. [queue:NAME] says which instance runs its jobs;
     * for a plugin's own queue it is the plain instance, or the only one. */
    const char *queue BOBBIN_ZERO;
    bobbin_str payload BOBBIN_ZERO;
    bool payload_is_body BOBBIN_ZERO; /* the request's body is it (a spilled one is not copied) */
    const char *content_type BOBBIN_ZERO; /* NULL: the request's own when payload_is_body */
    int priority BOBBIN_ZERO;             /* BOBBIN_PRIORITY(0..9) */
    unsigned attempts BOBBIN_ZERO;        /* 1..1000; 0: as the queue says */
    uint64_t timeout_ms BOBBIN_ZERO;      /* of one attempt; 0: as the queue says */
    /* Small facts for run, read by bobbin_job_header: at most 64, 16 KiB in all. */
    const bobbin_field *headers BOBBIN_ZERO;
    size_t header_count BOBBIN_ZERO;
    enum bobbin_durability durability BOBBIN_ZERO;
    /* Not before: so long after now, or a time in microseconds since 1970 (CLOCK_REALTIME; one that
     * has passed is now). At most one of the two. */
    uint64_t delay_ms BOBBIN_ZERO;
    uint64_t due_us BOBBIN_ZERO;
    /* When it has not started by then, it becomes EXPIRED and never runs; 0: never. */
    uint64_t expires_ms BOBBIN_ZERO;
    /* At most 200 bytes; NULL or "": none. While an earlier job of the queue with the same key has
     * not ended, this one becomes a DUPLICATE of it and never runs: its id is another name of the
     * earlier one, also to wait for it and to cancel it. */
    const char *unique_key BOBBIN_ZERO;
};

#ifdef __cplusplus
#define BOBBIN_JOB(...)                                                                            \
    bobbin_job_spec_pointer(bobbin_job_spec{.size = sizeof(bobbin_job_spec), __VA_ARGS__})
#else
#define BOBBIN_JOB(...)                                                                            \
    (&(const struct bobbin_job_spec){.size = sizeof(struct bobbin_job_spec), __VA_ARGS__})
#endif

enum bobbin_outcome {
    BOBBIN_STORED = 0, /* the job will run, whatever dies: see durability */
    BOBBIN_FULL,       /* no space, or the queue's limit: try again later (503, Retry-After) */
    BOBBIN_FAILED      /* not stored: the sentence says why */
};

/* How storing went. Valid during the call only. */
struct bobbin_stored {
    size_t size;
    enum bobbin_outcome outcome;
    bobbin_str id; /* opaque, at most 64 bytes of [a-z0-9]; absent unless stored */
    const char *queue;
    const char *sentence; /* "" when stored */
};

typedef void bobbin_on_stored(bobbin_request *request, const struct bobbin_stored *stored,
                              void *arg);

/*
 * Stores a job for the spooler. on_stored (not NULL) is called exactly once, on the loop, never
 * before this returns, before on_finish and also after on_abort. The spec and all it points to are
 * copied; payload_is_body takes the body away from the request when it was spilled.
 */
void bobbin_spool(bobbin_request *request, const struct bobbin_job_spec *spec,
                  bobbin_on_stored *on_stored, void *arg);

/*
 * Stores the job, then ends the request: 202 with {"id","queue","state","location"} and Location
 * (the route of the jobs plugin, when one is mounted), 503 with Retry-After when full, 500 when it
 * failed.
 */
void bobbin_spool_and_accept(bobbin_request *request, const struct bobbin_job_spec *spec);

/* The second half of bobbin_spool_and_accept, for who had something else to do with what was stored
 * first: ends the request as said there. */
void bobbin_accept(bobbin_request *request, const struct bobbin_stored *stored);

/* How storing several jobs went: one outcome for all of them. Valid during the call only. */
struct bobbin_stored_many {
    size_t size;
    enum bobbin_outcome outcome;
    const bobbin_str *ids; /* in the order of the specs; NULL unless stored */
    size_t count;          /* of the specs */
    const char *sentence;  /* "" when stored */
};

typedef void bobbin_on_stored_many(bobbin_request *request, const struct bobbin_stored_many *stored,
                                   void *arg);

/*
 * Stores 1 to 1,000 jobs, with one sync and one answer, as bobbin_spool does for one: all were
 * stored, or the request has to assume that none was (after a write that failed all may run all the
 * same, as after a crash; never some of them). At most one spec may have payload_is_body. Payloads
 * up to "inline-max" and all else that is asked have 64 MiB in all; longer ones have files of their
 * own. When one needs the disk ("durability"), all wait for it.
 */
void bobbin_spool_many(bobbin_request *request, const struct bobbin_job_spec *const *specs,
                       size_t count, bobbin_on_stored_many *on_stored, void *arg);

typedef void bobbin_on_host_stored(bobbin_host *host, const struct bobbin_stored *stored,
                                   void *arg);

/*
 * Stores a job without a request: from a timer, a posted call, start. Only in workers. on_stored
 * (NULL: a failure is only logged) is called once, on the loop, never before this returns, and
 * before the instance's stop. False in a job process, without a spool (or when the worker stops),
 * without memory and for a spec that is not legal (payload_is_body among them): nothing will be
 * called, and the reason is logged.
 */
bool bobbin_host_spool(bobbin_host *host, const struct bobbin_job_spec *spec,
                       bobbin_on_host_stored *on_stored, void *arg);

/* The words for these are "ready", "running", ... in bobbin_job_state_name. */
enum bobbin_job_state {
    BOBBIN_STATE_UNKNOWN = 0, /* no such job, or its record has expired */
    BOBBIN_STATE_READY,       /* waits, maybe for a due time in the future */
    BOBBIN_STATE_RUNNING,
    BOBBIN_STATE_DONE,
    BOBBIN_STATE_DEAD, /* failed for good: a dead letter */
    BOBBIN_STATE_CANCELLING,
    BOBBIN_STATE_CANCELLED,
    BOBBIN_STATE_EXPIRED,  /* it had not started in time */
    BOBBIN_STATE_DUPLICATE /* of another job: never told, since its id tells of that one */
};
/* Static text; "unknown" for a number that is none. Any thread. */
const char *bobbin_job_state_name(enum bobbin_job_state state);

/* What became of a job. Valid during the call only. Times: microseconds since 1970, 0: not yet. */
struct bobbin_job_info {
    size_t size;
    enum bobbin_job_state state;
    bobbin_str id;
    bobbin_str queue;
    unsigned attempt;  /* attempts begun so far */
    unsigned attempts; /* attempts allowed */
    uint64_t enqueued_us;
    uint64_t due_us; /* READY: not before this time; 0: at once */
    uint64_t started_us;
    uint64_t ended_us;
    int percent;         /* of the running attempt; -1: none told */
    bobbin_str progress; /* its words; empty when none told */
    bobbin_str error;    /* of the last failed attempt; empty when none */
    bool has_result;
    /* Only with BOBBIN_WITH_RESULT and has_result: a descriptor that is now the callee's to close
     * or to hand to bobbin_send_file, and where in it the result is. Otherwise -1. */
    int result_fd;
    uint64_t result_offset;
    uint64_t result_length;
    bobbin_str result_type;
};

typedef void bobbin_on_job(bobbin_request *request, const struct bobbin_job_info *info, void *arg);

#define BOBBIN_WITH_RESULT 1u

/*
 * Asks for a job by its id; flags: 0 or BOBBIN_WITH_RESULT. on_job is called exactly once, on the
 * loop, other than on_stored maybe before this returns, and in any case before on_finish; an
 * unknown or malformed id is STATE_UNKNOWN. When the spool cannot be read info->state is
 * STATE_UNKNOWN and info->error is the sentence.
 */
void bobbin_job_status(bobbin_request *request, bobbin_str id, unsigned flags,
                       bobbin_on_job *on_job, void *arg);

/*
 * Asks the spooler to cancel a job: a waiting one is CANCELLED, a running one is CANCELLING and its
 * process is stopped. on_job gets the state afterwards, as above; a job that had ended is
 * unchanged.
 */
void bobbin_job_cancel(bobbin_request *request, bobbin_str id, bobbin_on_job *on_job, void *arg);

/*
 * Waits at most limit_ms (0: asks only) for the job to end, and then tells how it is: on_job sees
 * an ended state in time, or any other when the limit passed first. When the client leaves or
 * "request-timeout" passes, on_job is called soon, after on_abort; it is also when the request is
 * ended before. flags and the rest are as for bobbin_job_status. Works from any worker; when no
 * spooler leads, the files are looked at from time to time. A worker keeps 65,536 waits: one more
 * is told at once, as if its limit had passed.
 */
void bobbin_job_wait(bobbin_request *request, bobbin_str id, unsigned flags, uint64_t limit_ms,
                     bobbin_on_job *on_job, void *arg);

/* ------------------------------------------------------------------ jobs: inside run */

/*
 * For all of these: on the thread that run was called on, until it returns; so long lives what they
 * return. What reads cannot fail. Texts and bytes that are handed in are copied or written.
 */

/* As the app was told it when the job was stored. */
bobbin_str bobbin_job_id(bobbin_job *job);
bobbin_str bobbin_job_queue(bobbin_job *job); /* its name */
/* The host of the instance that runs the job: for bobbin_log. Never NULL; lives as long as the
 * process. */
bobbin_host *bobbin_host_of_job(bobbin_job *job);
/* The whole payload, in memory or mapped from its file; its CRC was checked. */
bobbin_str bobbin_job_payload(bobbin_job *job);
bobbin_str bobbin_job_content_type(bobbin_job *job); /* empty when none was given */
/* A header of the spec by its name (any case); absent when there is none. */
bobbin_str bobbin_job_header(bobbin_job *job, const char *name);
unsigned bobbin_job_attempt(bobbin_job *job);  /* 1 at the first */
unsigned bobbin_job_attempts(bobbin_job *job); /* how many are allowed */
/* Whether it is cancelled, has timed out, or the server leaves: come to an end, with RETRY (which
 * then becomes cancelled, another attempt, or the same attempt later); DONE is done all the same.
 * Calls that block are interrupted (EINTR, signal(7)); after the queue's "kill-after" the process
 * is killed. */
bool bobbin_job_stopping(bobbin_job *job);

/* Makes these bytes the result (a later call replaces it, and what was appended). content_type: at
 * most 200 bytes, NULL: application/octet-stream. False with no space, which is logged: the job may
 * go on, and is done without a result. */
bool bobbin_job_result(bobbin_job *job, const void *data, size_t length, const char *content_type);
/*
 * Appends to the result: for what is too large for memory. The first call of an attempt, or after
 * bobbin_job_result, begins it anew, and its content_type counts (NULL: application/octet-stream).
 * Each call is a write: bring some kilobytes. False with no space: the result is lost and nothing
 * more is appended (bobbin_job_result may make another); the job may go on, and is done without it.
 */
bool bobbin_job_result_append(bobbin_job *job, const void *data, size_t length,
                              const char *content_type);
/*
 * Has another job stored together with the success of this one: all of them when run returns DONE
 * (and is not killed on the way), none otherwise. At most 1,000 an attempt; payload_is_body is not
 * for jobs. They are copied, and kept in memory until then; limits are those of bobbin_spool_many.
 * When they cannot be stored this attempt becomes a RETRY. False with the sentence in *error: not
 * taken.
 */
bool bobbin_job_spool(bobbin_job *job, const struct bobbin_job_spec *spec, bobbin_error *error);
/* Tells how far it is: percent from 0 to 100 (others are cut to that), and words for people (cut at
 * 127 bytes; NULL: none). Costs no system call, and cannot fail. */
void bobbin_job_progress(bobbin_job *job, int percent, const char *words);
/* The sentence of this failure (cut at 511 bytes); returns BOBBIN_JOB_FAILED, for "return
 * bobbin_job_fail(...)". */
enum bobbin_job_result bobbin_job_fail(bobbin_job *job, const char *format, ...)
    BOBBIN_PRINTF(2, 3);
/* The delay before the next attempt (UINT64_MAX: the queue's backoff), and why (cut at 511 bytes);
 * returns BOBBIN_JOB_RETRY. */
enum bobbin_job_result bobbin_job_retry_after(bobbin_job *job, uint64_t delay_ms,
                                              const char *format, ...) BOBBIN_PRINTF(3, 4);

/* ------------------------------------------------------------------ protocol */

/*
 * Turns the bytes of one connection into requests, and answers into bytes. It sees no socket and no
 * loop. The core drives it:
 *
 *   open
 *   feed -> MORE            the core reads more bytes and feeds again, all that was not consumed
 *        -> HEAD            one head is complete: the core routes it
 *           feed -> BODY    a piece of its body (a span inside data), any number of times
 *           feed -> END     the body is complete (follows HEAD at once when there is none)
 *        -> REFUSE          status and sentence: the core answers, reads no more and closes
 *   head                    when the answer is there, and for interim ones before it
 *   frame                   around the pieces of a body of unknown length, and at its end
 *                           then feed again for the next request
 *   close
 */
enum bobbin_feed_event {
    BOBBIN_FEED_MORE = 0,
    BOBBIN_FEED_HEAD,
    BOBBIN_FEED_BODY,
    BOBBIN_FEED_END,
    BOBBIN_FEED_REFUSE
};

/* Limits from the INI. Frozen: new ones go into the reserved words. */
struct bobbin_limits {
    uint64_t request_line_bytes;
    uint64_t head_bytes;
    uint64_t fields;
    uint64_t reserved[5];
};

/* One request head. The core hands it in zeroed but for the array; spans point into the fed data.
 */
struct bobbin_head {
    size_t size;
    bobbin_str method;
    bobbin_str target;    /* origin form ("/path?query") or "*"; absolute form is taken apart */
    bobbin_str authority; /* of the absolute form, or Host; empty when there is none */
    uint32_t minor;       /* HTTP/1.<minor> */
    bool keep_alive;      /* the client allows another request after this one */
    bool has_body;
    bool expects_continue;   /* waits for 100 before it sends the body */
    uint64_t content_length; /* of the body; UINT64_MAX: not known (chunked) */
    bobbin_field *fields;    /* the core's array */
    size_t field_count;
    size_t field_capacity; /* at least limits.fields */
};

struct bobbin_feed {
    size_t size;
    /* In: all bytes that were not consumed. They may have moved since the last feed that answered
     * MORE without a HEAD before it; after HEAD they stay where they are until END was answered. */
    char *data;
    size_t length;
    /* Out. */
    size_t consumed;      /* bytes of data that are done with */
    bobbin_str body;      /* BODY: the piece, inside data, at most consumed */
    int status;           /* REFUSE: 400, 413, 414, 431, 501, 505 */
    const char *sentence; /* REFUSE: static text */
};

/* One answer head. */
struct bobbin_answer {
    size_t size;
    int status;
    const bobbin_field *fields;
    size_t field_count;
    uint64_t content_length; /* UINT64_MAX: not known: chunked, or until close for HTTP/1.0 */
    bool has_length;         /* whether a Content-Length may be sent at all (not with 1xx, 204) */
    bool close;              /* say Connection: close */
    uint32_t minor;          /* of the request: an HTTP/1.0 client is told about keep-alive */
    bobbin_str date;         /* IMF-fixdate; empty: none */
};

/* What has to be written around a piece of the body of an answer whose length was not known. */
enum bobbin_frame_part {
    BOBBIN_FRAME_BEFORE = 1, /* length bytes of the body follow */
    BOBBIN_FRAME_AFTER,      /* they have been written */
    BOBBIN_FRAME_END         /* the body is complete: its end, and trailers */
};

struct bobbin_frame {
    size_t size;
    enum bobbin_frame_part part;
    uint64_t length;              /* BEFORE: never 0 */
    const bobbin_field *trailers; /* END */
    size_t trailer_count;
};

struct bobbin_protocol {
    size_t size;
    size_t connection_size; /* bytes of state for each connection, zeroed before open */
    const char *scheme;     /* "http": what stands before :// in listen */
    void (*open)(void *connection, const struct bobbin_limits *limits); /* limits outlive it */
    enum bobbin_feed_event (*feed)(void *connection, struct bobbin_feed *feed,
                                   struct bobbin_head *head);
    /* Writes the head of an answer into out. Returns its length; when that is more than capacity
     * nothing useful was written and the core calls again with enough. */
    size_t (*head)(void *connection, const struct bobbin_answer *answer, char *out,
                   size_t capacity);
    /* The same for a part of the framing of the answer whose head was written last. */
    size_t (*frame)(void *connection, const struct bobbin_frame *frame, char *out, size_t capacity);
    void (*close)(void *connection);
};

#ifdef __cplusplus
}

/* Of BOBBIN_JOB: C++ takes no address of a temporary, but binds a reference to it. */
inline const bobbin_job_spec *bobbin_job_spec_pointer(const bobbin_job_spec &spec)
{
    return &spec;
}

/* A spec whose fields can be set one by one: for C++ older than 20. */
inline bobbin_job_spec bobbin_job_fields()
{
    bobbin_job_spec spec;
    spec.size = sizeof spec;
    return spec;
}

/* Of BOBBIN_PLUGIN_FIELDS. */
inline bobbin_plugin bobbin_plugin_with(void (*set)(bobbin_plugin &))
{
    bobbin_plugin plugin;
    plugin.magic = BOBBIN_MAGIC;
    plugin.abi = BOBBIN_ABI;
    plugin.size = sizeof plugin;
    set(plugin);
    return plugin;
}
#endif

#endif
