/* Symbol visibility and C++ linkage of the public headers. */
#ifndef BNCL_EXPORT_H
#define BNCL_EXPORT_H

#if defined(__GNUC__)
#define BNCL_API __attribute__((visibility("default")))
#else
#define BNCL_API
#endif

#ifdef __cplusplus
#define BNCL_BEGIN_DECLS extern "C" {
#define BNCL_END_DECLS }
#else
#define BNCL_BEGIN_DECLS
#define BNCL_END_DECLS
#endif

#endif
