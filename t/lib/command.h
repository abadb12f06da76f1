/* Programs of the build folder, run as a user would run them. */
#ifndef COMMAND_H
#define COMMAND_H

/* Runs COMMAND of the build folder, which ends with its arguments, with VARIABLE=VALUE or nothing
   ("") added to its environment, and expects the exit status. Returns what it wrote to stdout and
   stderr, held. */
char *command_run(const char *environment, int expected, const char *command);

/* The text occurs in the output, or the test fails. */
void command_said(const char *output, const char *text);

#endif
