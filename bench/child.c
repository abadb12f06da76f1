/* Another program and its pipes; see child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"

extern char **environ;

enum { READ_END, WRITE_END };

static void close_pipe(int ends[2])
{
    for (int i = 0; i < 2; ++i)
        if (ends[i] >= 0)
            close(ends[i]);
    ends[0] = ends[1] = -1;
}

/* A pipe whose ends no other child inherits. */
static int make_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return errno;
    fcntl(ends[READ_END], F_SETFD, FD_CLOEXEC);
    fcntl(ends[WRITE_END], F_SETFD, FD_CLOEXEC);
    return 0;
}

/* posix_spawnp with the descriptors in the places of standard input and output. */
static int spawn(const char *const *argv, int input, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    /* The type says char *const *, but POSIX promises to leave the texts alone. */
    int error = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Makes the parent's ends streams and gives the child's back. */
static int open_streams(bench_child *child, int in[2], int out[2])
{
    child->to = fdopen(in[WRITE_END], "wb");
    if (child->to == NULL)
        return errno;
    in[WRITE_END] = -1;
    if (out[READ_END] < 0)
        return 0;
    child->from = fdopen(out[READ_END], "rb");
    if (child->from == NULL)
        return errno;
    out[READ_END] = -1;
    return 0;
}

bncl_status bench_child_start(const char *const *argv, int output, bench_child *out,
                              bncl_error *err)
{
    int in[2] = {-1, -1}, from[2] = {-1, -1};
    bench_child child = {0};
    int error = make_pipe(in);
    if (error == 0 && output < 0)
        error = make_pipe(from);
    if (error == 0)
        error = spawn(argv, in[READ_END], output < 0 ? from[WRITE_END] : output, &child.pid);
    if (error == 0)
        error = open_streams(&child, in, from);
    close_pipe(in);
    close_pipe(from);
    if (error == 0) {
        *out = child;
        return BNCL_OK;
    }
    bncl_error ignored;
    bench_child_end(&child, &ignored);
    return bench_fail(err, error == ENOENT ? BNCL_ERROR_UNSUPPORTED : BNCL_ERROR_IO,
                      "%s cannot be started: %s", argv[0], strerror(error));
}

bncl_status bench_child_end(bench_child *child, bncl_error *err)
{
    int status = 0;
    bool taken = true;
    if (child == NULL || child->pid == 0)
        return BNCL_OK;
    if (child->to != NULL)
        taken = fclose(child->to) == 0;
    if (child->from != NULL)
        fclose(child->from);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *child = (bench_child){0};
    if (WIFSIGNALED(status))
        return bench_fail(err, BNCL_ERROR_IO, "it was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return bench_fail(err, BNCL_ERROR_IO, "it ended with status %d", WEXITSTATUS(status));
    if (!taken)
        return bench_fail(err, BNCL_ERROR_IO, "it did not take all that was written to it");
    return BNCL_OK;
}
