/* Programs of the build folder, run as a user would run them. */
#ifndef COMMAND_H
#define COMMAND_H

/* Runs COMMAND of the build folder, which ends with its arguments, with VARIABLE=VALUE or nothing
   ("") added to its environment, and expects the exit status. Returns what it wrote to stdout and
   stderr, held. */
char *command_run(const char *environment, int expected, const char *command);

/* Writes a script of the name into the folder, which stands in for a program. Returns what makes
   command_run find it first, PATH=folder:..., held. */
const char *command_stand_in(const char *folder, const char *name, const char *script);

/* The text occurs in the output, or the test fails. */
void command_said(const char *output, const char *text);

#endif
