/* Programs of the build folder: see command.h. */
#include "lib/command.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/files.h"
#include "lib/harness.h"

#define OUTPUT_SIZE 65536

char *command_run(const char *environment, int expected, const char *command)
{
    const char *build = getenv("top_builddir");
    const char *line =
        harness_text("%s %s/%s 2>&1", environment, build != NULL ? build : ".", command);
    char *output = harness_memory(OUTPUT_SIZE, 1);
    FILE *pipe = popen(line, "r");
    if (pipe == NULL)
        harness_fail("%s: cannot be started", line);
    size_t length = fread(output, 1, OUTPUT_SIZE - 1, pipe);
    int status = pclose(pipe);
    output[length] = '\0';
    if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
        harness_fail("%s: expected exit status %d, got wait status 0x%x and: %s", line, expected,
                     (unsigned)status, output);
    return output;
}

const char *command_stand_in(const char *folder, const char *name, const char *script)
{
    const char *path = files_path(folder, name);
    files_write(path, script, strlen(script));
    if (chmod(path, 0755) != 0)
        harness_fail("%s: cannot be made executable", path);
    return harness_text("PATH=%s:\"$PATH\"", folder);
}

void command_said(const char *output, const char *text)
{
    if (strstr(output, text) == NULL)
        harness_fail("expected \"%s\" in: %s", text, output);
}
