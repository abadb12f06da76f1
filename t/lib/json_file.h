/* JSON that a program has written. */
#ifndef JSON_FILE_H
#define JSON_FILE_H

#include <jansson.h>

/* The file's root, which lives as long as the test; fails it where that is no JSON, or names a
   member twice. */
json_t *json_file(const char *path);

#endif
