/* The library's version, at compile time and at run time. */
#ifndef BNCL_VERSION_H
#define BNCL_VERSION_H

#include <bncl/export.h>

#define BNCL_VERSION_MAJOR 0
#define BNCL_VERSION_MINOR 1
#define BNCL_VERSION_PATCH 0
#define BNCL_VERSION_STRING "0.1.0"

BNCL_BEGIN_DECLS

/* The version of the library that runs, "0.1.0", which may be newer than the headers'
   own. Static. */
BNCL_API const char *bncl_version(void);

BNCL_END_DECLS

#endif
