#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ, WRITE };

/* ------------------------------------------------------------------ where it is */

static bool is_executable(int folder, const char *file)
{
    struct stat status;
    return fstatat(folder, file, &status, 0) == 0 && S_ISREG(status.st_mode) &&
           faccessat(folder, file, X_OK, AT_EACCESS) == 0;
}

static bool search(int folder, const char *name, char *out, size_t size)
{
    const char *path = getenv("PATH");
    if (path == NULL)
        path = "/usr/local/bin:/usr/bin:/bin";
    for (const char *end; *path != '\0'; path = *end == ':' ? end + 1 : end) {
        end = strchrnul(path, ':');
        int length =
            snprintf(out, size, "%.*s%s%s", (int)(end - path), path, end > path ? "/" : "./", name);
        if (length > 0 && (size_t)length < size && is_executable(folder, out))
            return true;
    }
    return false;
}

bool program_find(const char *name, const char *directory, char *out, size_t size,
                  bobbin_error *error)
{
    int folder = open(*directory != '\0' ? directory : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return bobbin_fail(error, "the directory %s: %s", directory, strerror(errno));
    bool has_slash = strchr(name, '/') != NULL;
    bool found = has_slash
                     ? snprintf(out, size, "%s", name) < (int)size && is_executable(folder, out)
                     : search(folder, name, out, size);
    close(folder);
    return found || bobbin_fail(error, "there is no program \"%s\"%s", name,
                                has_slash ? " that can be executed" : " in PATH");
}

/* ------------------------------------------------------------------ its start */

/* What the child tells when it cannot become the program; nothing when it has. */
struct failure {
    int number;
    bool is_directory;
};

struct pipes {
    int input[2], output[2], errors[2], failure[2];
};

static bool open_pipes(struct pipes *pipes)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    return pipe2(pipes->input, O_CLOEXEC) == 0 && pipe2(pipes->output, O_CLOEXEC) == 0 &&
           pipe2(pipes->errors, O_CLOEXEC) == 0 && pipe2(pipes->failure, O_CLOEXEC) == 0;
}

static void close_pipe(int pipe[2])
{
    program_close(&pipe[READ]);
    program_close(&pipe[WRITE]);
}

static void close_pipes(struct pipes *pipes)
{
    close_pipe(pipes->input);
    close_pipe(pipes->output);
    close_pipe(pipes->errors);
    close_pipe(pipes->failure);
}

static void restore_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* refused for KILL, STOP and those of libc */
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child; async-signal-safe calls only, since the parent may have threads. */
static _Noreturn void become(const struct program_order *order, const struct pipes *pipes,
                             pid_t parent)
{
    struct failure failure = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    dup2(pipes->input[READ], STDIN_FILENO);
    dup2(pipes->output[WRITE], STDOUT_FILENO);
    dup2(pipes->errors[WRITE], STDERR_FILENO);
    failure.is_directory = *order->directory != '\0' && chdir(order->directory) != 0;
    if (!failure.is_directory) {
        restore_signals();
        execve(order->file, order->words, order->environment);
    }
    failure.number = errno;
    ssize_t told = write(pipes->failure[WRITE], &failure, sizeof failure);
    _exit(told > 0 ? 127 : 126);
}

static bool is_passing_error(int number)
{
    return number == EAGAIN || number == ENOMEM || number == EMFILE || number == ENFILE ||
           number == ETXTBSY || number == EIO;
}

/* Waits until the child is the program, or has said why not. */
static bool hear(struct pipes *pipes, const struct program_order *order, bool *is_passing,
                 bobbin_error *error)
{
    struct failure failure;
    program_close(&pipes->failure[WRITE]);
    if (read(pipes->failure[READ], &failure, sizeof failure) != (ssize_t)sizeof failure)
        return true;
    *is_passing = is_passing_error(failure.number);
    return bobbin_fail(error, "%s %s: %s",
                       failure.is_directory ? "the directory" : "the program cannot be executed:",
                       failure.is_directory ? order->directory : order->file,
                       strerror(failure.number));
}

static int take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    fcntl(taken, F_SETFL, O_NONBLOCK | (fcntl(taken, F_GETFL) & O_ACCMODE));
    return taken;
}

static bool fork_one(struct program *program, struct pipes *pipes,
                     const struct program_order *order)
{
    pid_t parent = getpid();
    if (!open_pipes(pipes) || (program->pid = fork()) < 0)
        return false;
    if (program->pid == 0)
        become(order, pipes, parent);
    program->pid_fd = (int)syscall(SYS_pidfd_open, program->pid, 0);
    program->input = take(&pipes->input[WRITE]);
    program->output = take(&pipes->output[READ]);
    program->errors = take(&pipes->errors[READ]);
    return true;
}

bool program_start(struct program *program, const struct program_order *order, bool *is_passing,
                   bobbin_error *error)
{
    struct pipes pipes;
    *program = (struct program){.pid = -1, .pid_fd = -1, .input = -1, .output = -1, .errors = -1};
    *is_passing = true;
    bool done = fork_one(program, &pipes, order)
                    ? hear(&pipes, order, is_passing, error)
                    : bobbin_fail(error, "no program can be started: %s", strerror(errno));
    close_pipes(&pipes);
    if (!done)
        program_finish(program);
    return done;
}

/* ------------------------------------------------------------------ its end */

bool program_has_ended(struct program *program)
{
    if (!program->is_waited)
        program->is_waited = waitpid(program->pid, &program->status, WNOHANG) == program->pid;
    return program->is_waited;
}

void program_signal(const struct program *program, int number)
{
    if (program->pid > 0 && !program->is_waited)
        kill(program->pid, number);
}

void program_finish(struct program *program)
{
    program_signal(program, SIGKILL);
    if (program->pid > 0 && !program->is_waited)
        program->is_waited = waitpid(program->pid, &program->status, 0) == program->pid;
    program_close(&program->pid_fd);
    program_close(&program->input);
    program_close(&program->output);
    program_close(&program->errors);
}

void program_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
