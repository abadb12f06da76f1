/* The library's version at run time. */
#include <bncl/version.h>

const char *bncl_version(void)
{
    return BNCL_VERSION_STRING;
}
