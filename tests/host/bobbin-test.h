/*
 * bobbin-test.h - tests a plugin in a plain program: requests without a client, jobs without a
 * spooler.
 *
 * The plugin is linked into the test together with libbobbin-test.a; what answers its bobbin_*
 * calls is the server's own code. Only its surroundings are played: a client that sends, reads
 * slowly or leaves when the test says so, and a spool that stores, is full or fails when told to.
 *
 *     bobbin_test_host *host = bobbin_test_open(&bobbin_plugin_descriptor, NULL, &error);
 *     bobbin_test_client *client = bobbin_test_get(host, "/hello?name=you");
 *     assert(bobbin_test_status(client) == 200);
 *     assert(strcmp(bobbin_test_text(client), "Hello, you!\n") == 0);
 *     assert(bobbin_test_close(host, &error));
 *
 * Conventions that hold for every function here:
 *   - A host, all that belongs to it, and every call of the plugin belong to the thread that opened
 *     the host.
 *   - The plugin is called only inside calls of this header. Those that let something happen (send,
 *     leave, take, ...) go on until nothing more happens by itself; only those that wait sleep.
 *   - Callbacks are named as in struct bobbin_plugin ("handle", "on_body", "on_writable",
 *     "on_abort", "on_finish", "run", "start", "drain", "stop"), and "on_stored", "on_job",
 *     "done" (of bobbin_offload), "a timer", "a posted call".
 *   - Texts and bytes that are handed in are copied. What is handed out belongs to the host and
 *     lives until it is closed, unless the function says otherwise.
 *   - Pairs are arrays of texts, a name and its value in turn, that end with NULL.
 *   - A test that cannot be meant (a second request of one client, a client that leaves inside a
 *     call of the app's, no memory) is told so on stderr and aborted.
 *   - Structs start with their size, which the macros set; zero or NULL always means the default.
 *     The macros need C or C++20: older C++ sets the members by hand.
 */
#ifndef BOBBIN_TEST_H
#define BOBBIN_TEST_H

#include "bobbin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bobbin_test_host bobbin_test_host; /* one process of a server, with one plugin */
typedef struct bobbin_test_client
    bobbin_test_client; /* who sends one request and gets its answer */

/* What BOBBIN_PLUGIN(...) makes: the plugin that is linked into this program. */
extern const struct bobbin_plugin BOBBIN_DESCRIPTOR;

/* clang-format off */
#ifdef __cplusplus
#define BOBBIN_TEST_MADE(type, ...)                                                                \
    bobbin_test_pointer(type{.size = sizeof(type), __VA_ARGS__})
#else
#define BOBBIN_TEST_MADE(type, ...) (&(const struct type){.size = sizeof(struct type), __VA_ARGS__})
/* Pairs in their place: .options = BOBBIN_TEST_PAIRS("greeting", "Hello"). C only. */
#define BOBBIN_TEST_PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif
#define BOBBIN_TEST_SETUP(...) BOBBIN_TEST_MADE(bobbin_test_setup, __VA_ARGS__)
#define BOBBIN_TEST_REQUEST(...) BOBBIN_TEST_MADE(bobbin_test_request, __VA_ARGS__)
#define BOBBIN_TEST_JOB(...) BOBBIN_TEST_MADE(bobbin_test_job, __VA_ARGS__)
/* clang-format on */

/* ------------------------------------------------------------------ the host */

/* Made with BOBBIN_TEST_SETUP(.route = "/hello", ...). */
struct bobbin_test_setup {
    size_t size BOBBIN_ZERO;
    const char *instance BOBBIN_ZERO;       /* "static:assets"; NULL: the plugin's name */
    const char *route BOBBIN_ZERO;          /* where it is mounted; NULL: "/" */
    const char *const *options BOBBIN_ZERO; /* pairs: what stands in its section of the INI file */
    const char *const *settings
        BOBBIN_ZERO; /* pairs: what stands in [bobbin]: "max-body", "write-high-mark" */
    const char *jobs_route BOBBIN_ZERO; /* where the jobs plugin would be mounted; NULL: "/jobs" */
    bool has_no_jobs_route BOBBIN_ZERO; /* it is mounted nowhere */
    bool has_no_spool BOBBIN_ZERO;      /* there is no [spool] */
    bool is_job_process BOBBIN_ZERO;    /* run is called here, and not handle */
    uint64_t limit_ms BOBBIN_ZERO;      /* of everything that waits; 0: 5,000 */
};

/*
 * Checks the descriptor as the loader does, reads options and settings with the server's parser
 * (so ${VAR} is expanded), and calls start. setup may be NULL. NULL with the sentence in *error
 * when any of them fails.
 */
bobbin_test_host *bobbin_test_open(const struct bobbin_plugin *plugin,
                                   const struct bobbin_test_setup *setup, bobbin_error *error);

/* The server is told to end: calls drain, once. */
void bobbin_test_drain(bobbin_test_host *host);

/*
 * Ends the process as a worker does: drain (unless that was done), clients that are left leave,
 * what the spool still holds is answered, posted calls are delivered, timers stopped, stop. Frees
 * the host and all that belongs to it; NULL is fine. False, with the sentence in *error, when
 * something was left over: a request that nobody had ended although its client was there. Threads
 * of the plugin's must be through: other than in a server, a ticket must not be posted to after
 * this.
 */
bool bobbin_test_close(bobbin_test_host *host, bobbin_error *error);

/* How many descriptors are open in this program: the same before a host was opened and after it was
 * closed, when nothing lost one. */
size_t bobbin_test_descriptors(void);

/* Everything that was logged so far, as text: a line an event. Valid until the next call. */
const char *bobbin_test_log(bobbin_test_host *host);

/* Whether these words stand anywhere in the log. */
bool bobbin_test_logged(bobbin_test_host *host, const char *words);

/* ------------------------------------------------------------------ the loop */

/* Lets happen what is due now: timers, posted calls, held-back work. An app that always has more to
 * write for a client that always takes it is called 1,000 times. */
void bobbin_test_turn(bobbin_test_host *host);

/* Lets time pass at once for the plugin's timers: each is called in its turn, as often as it is due
 * within so many milliseconds. Nothing waits, and no clock changes. */
void bobbin_test_pass(bobbin_test_host *host, uint64_t time_ms);

/* Turns until it is true; waits for threads and timers. False: the limit passed. */
bool bobbin_test_wait_until(bobbin_test_host *host, bool (*is_true)(void *arg), void *arg);

/* The same, until the callback was called so often in all. */
bool bobbin_test_wait_for(bobbin_test_host *host, const char *callback, size_t count);

/* ------------------------------------------------------------------ a request */

/* Made with BOBBIN_TEST_REQUEST(.method = "POST", .body = bobbin_text("x"), ...). */
struct bobbin_test_request {
    size_t size BOBBIN_ZERO;
    const char *method BOBBIN_ZERO; /* NULL: "POST" with a body, else "GET" */
    const char *target BOBBIN_ZERO; /* path and query, as on the wire; NULL: the route */
    const char *const *headers
        BOBBIN_ZERO;                     /* pairs; Host and Content-Length need not be among them */
    bobbin_str body BOBBIN_ZERO;         /* data NULL: none */
    size_t piece_bytes BOBBIN_ZERO;      /* the body comes in pieces of so many bytes; 0: in one */
    bool has_unknown_length BOBBIN_ZERO; /* the body is chunked */
    bool body_follows BOBBIN_ZERO; /* see bobbin_test_send_body; body is then its first piece */
    uint64_t length BOBBIN_ZERO;   /* with body_follows: of all of it, unless unknown */
    const char *client_address BOBBIN_ZERO; /* NULL: "127.0.0.1" */
    bool is_http_1_0 BOBBIN_ZERO;
};

/* A client that has sent nothing yet: time to say how it will behave. */
bobbin_test_client *bobbin_test_connect(bobbin_test_host *host);

/* Sends its one request. */
void bobbin_test_send(bobbin_test_client *client, const struct bobbin_test_request *request);

/* After a request whose body follows: a piece of it, and its end. While the app has paused the
 * body, or has not yet taken all, they wait. The app sees each piece in memory of its own, that is
 * freed when its call returns. */
void bobbin_test_send_body(bobbin_test_client *client, bobbin_str piece);
void bobbin_test_end_body(bobbin_test_client *client);

/* Turns until the client has its whole answer, was cut off, or has left. False: the limit passed.
 */
bool bobbin_test_wait(bobbin_test_client *client);

/* Connect, send, wait, in one; and that for GET. */
bobbin_test_client *bobbin_test_ask(bobbin_test_host *host,
                                    const struct bobbin_test_request *request);
bobbin_test_client *bobbin_test_get(bobbin_test_host *host, const char *target);

/* ------------------------------------------------------------------ how a client behaves */

/*
 * Of the body of its answer the client takes so many bytes more, and then none until it is told
 * again; before the first call it takes all. Memory that it does not take counts as waiting:
 * bobbin_write answers BLOCKED, on_writable comes and answer-memory ends as they do in the server.
 */
void bobbin_test_take(bobbin_test_client *client, uint64_t bytes);
void bobbin_test_take_all(bobbin_test_client *client);

/* The client hangs up. */
void bobbin_test_leave(bobbin_test_client *client);

/* "request-timeout" passes: 504 when the answer has not begun, else the connection is cut. Nothing
 * happens when the app has ended the request. */
void bobbin_test_time_out(bobbin_test_client *client);

enum bobbin_test_when { BOBBIN_TEST_BEFORE, BOBBIN_TEST_AFTER };

/*
 * The same at a certain moment: before the nth (from 1) call of a callback for this client's
 * request (which may then never come), or after it. As in the server it never happens inside a call
 * of the app's: when the callback is called there, it happens when the outer call has returned.
 * Calls that belong to no request ("a timer", "a posted call") count as the client's as well; they,
 * "start", "drain" and "done" have no BEFORE.
 */
void bobbin_test_leave_at(bobbin_test_client *client, enum bobbin_test_when when,
                          const char *callback, unsigned nth);
void bobbin_test_time_out_at(bobbin_test_client *client, enum bobbin_test_when when,
                             const char *callback, unsigned nth);

/* ------------------------------------------------------------------ the answer */

/* How far the client's exchange is. */
enum bobbin_test_outcome {
    BOBBIN_TEST_OPEN,  /* it waits for the answer, or for more of it */
    BOBBIN_TEST_WHOLE, /* it has taken all of the answer */
    BOBBIN_TEST_CUT,   /* the connection was closed before that */
    BOBBIN_TEST_LEFT   /* it left before that */
};
enum bobbin_test_outcome bobbin_test_outcome_of(const bobbin_test_client *client);

/* 0 as long as there is none. A client that takes nothing of the body sees status and header. */
int bobbin_test_status(const bobbin_test_client *client);

/* The value of a field of the answer by its name (any case), the first of several; NULL: absent.
 * Content-Length and Transfer-Encoding are there as the server sends them. */
const char *bobbin_test_header(const bobbin_test_client *client, const char *name);
const char *bobbin_test_trailer(const bobbin_test_client *client, const char *name);

/* What it has taken of the body, and the same as terminated text. Until more is taken. */
bobbin_str bobbin_test_body(const bobbin_test_client *client);
const char *bobbin_test_text(const bobbin_test_client *client);

/* Interim answers (103), in their order: the status of the index-th, 0 at the end; and a field. */
int bobbin_test_interim(const bobbin_test_client *client, size_t index);
const char *bobbin_test_interim_header(const bobbin_test_client *client, size_t index,
                                       const char *name);

bool bobbin_test_is_streamed(const bobbin_test_client *client); /* bobbin_begin was called */
bool bobbin_test_has_timed_out(const bobbin_test_client *client);

/* ------------------------------------------------------------------ what was called */

/* The callbacks in their order: "start, handle, on_finish". Valid until the next call of one of
 * these two. The second gives only those for this client's request. */
const char *bobbin_test_calls(bobbin_test_host *host);
const char *bobbin_test_calls_for(bobbin_test_client *client);

/* How often. */
size_t bobbin_test_count(const bobbin_test_host *host, const char *callback);
size_t bobbin_test_count_for(const bobbin_test_client *client, const char *callback);

/* ------------------------------------------------------------------ the spool */

/*
 * How the next job that is stored fares (or those that are stored together); several are taken in
 * their order, and then all are stored. text is the sentence, or the id of a stored one (NULL:
 * "job1", "job2", ...).
 */
void bobbin_test_next_stored(bobbin_test_host *host, enum bobbin_outcome outcome, const char *text);

/* From here on the spool answers nothing (on_stored, on_job), until it is released. */
void bobbin_test_hold_spool(bobbin_test_host *host);
void bobbin_test_release_spool(bobbin_test_host *host);

/* The jobs that the plugin wanted stored, in their order, whatever became of them; of what a
 * running job has spooled, only what was stored with its success. payload and queue are filled in;
 * NULL behind the last. */
size_t bobbin_test_spooled_count(const bobbin_test_host *host);
const struct bobbin_job_spec *bobbin_test_spooled(const bobbin_test_host *host, size_t index);
/* A header of such a job; NULL: absent. Its id; NULL: not stored (yet). */
const char *bobbin_test_spooled_header(const bobbin_test_host *host, size_t index,
                                       const char *name);
const char *bobbin_test_spooled_id(const bobbin_test_host *host, size_t index);

/*
 * The spool knows this job from here on (in place of what it knew of that id): bobbin_job_status
 * tells it, with a descriptor of the result where has_result is set, and who waits for its end with
 * bobbin_job_wait is told (bobbin_test_pass lets the limit of that pass). Jobs that were stored are
 * known as READY; others are UNKNOWN. bobbin_job_cancel makes READY to CANCELLED and RUNNING to
 * CANCELLING. info->result_* are not read.
 */
void bobbin_test_set_job(bobbin_test_host *host, const struct bobbin_job_info *info,
                         bobbin_str result, const char *result_type);

/* The spool cannot be read, and says so with this sentence; NULL: it can again. */
void bobbin_test_break_spool(bobbin_test_host *host, const char *sentence);

/* ------------------------------------------------------------------ a job */

/* Made with BOBBIN_TEST_JOB(.payload = bobbin_text("x"), ...). */
struct bobbin_test_job {
    size_t size BOBBIN_ZERO;
    const char *queue BOBBIN_ZERO; /* NULL: the plugin's name */
    bobbin_str payload BOBBIN_ZERO;
    const char *content_type BOBBIN_ZERO;
    const char *const *headers BOBBIN_ZERO; /* pairs */
    unsigned attempt BOBBIN_ZERO;           /* 0: 1 */
    unsigned attempts BOBBIN_ZERO;          /* 0: 5 */
    bool is_stopping BOBBIN_ZERO;           /* it is told to stop before it begins */
    unsigned stop_at_progress
        BOBBIN_ZERO; /* it is told when it tells its progress for the nth time */
    uint64_t stop_after_ms
        BOBBIN_ZERO;               /* it is told after this time: for jobs that wait; 0: never */
    bool has_no_space BOBBIN_ZERO; /* its result cannot be written */
};

struct bobbin_test_progress {
    int percent;
    const char *words; /* "" when none */
};

/* How an attempt ended. */
struct bobbin_test_ran {
    size_t size;
    enum bobbin_job_result result;
    const char *sentence;    /* "" when none */
    uint64_t retry_after_ms; /* RETRY: UINT64_MAX is "as the queue says" */
    bool has_output;         /* DONE, and there is a result */
    bobbin_str output;       /* data is terminated by a NUL behind it */
    const char *output_type;
    const struct bobbin_test_progress *progress; /* every call of bobbin_job_progress */
    size_t progress_count;
};

/*
 * Runs one attempt of a job on this thread, in a host that is a job process. To be told to stop is
 * SIGTERM to this thread, as in the server: a job that sleeps is woken. Valid until the next run.
 */
const struct bobbin_test_ran *bobbin_test_run(bobbin_test_host *host,
                                              const struct bobbin_test_job *job);

#ifdef __cplusplus
} /* extern "C" */

/* For the macros above: the address of a value that lives until the end of the call. */
template <class value> inline const value *bobbin_test_pointer(const value &made)
{
    return &made;
}
#endif

#endif
