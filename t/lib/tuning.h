/* Tunings of the library as tests set them: who computes what, never what is computed. */
#ifndef TUNING_H
#define TUNING_H

/* One for each of the work-group sizes 1, 8, 32, 64 and 256, with vectors and shares of work that
   differ too. The widest vectors are PoCL's own tuning; drivers that unroll them compile for a
   minute. */
enum { tuning_count = 5 };
extern const char *const tunings[tuning_count];

/* What is created from now on has this tuning, until the test ends; NULL: the device's own. */
void tune(const char *tuning);

#endif
