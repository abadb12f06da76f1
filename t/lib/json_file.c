/* Reading JSON: see json_file.h. */
#include "lib/json_file.h"

#include "lib/harness.h"

static void release(void *root)
{
    json_decref(root);
}

json_t *json_file(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        harness_fail("%s: no JSON, at line %d: %s", path, error.line, error.text);
    return harness_hold(root, release);
}
