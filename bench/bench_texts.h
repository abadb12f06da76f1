/* The files that bncl-bench carries with it, as texts: made by tools/embed_texts.sh. */
#ifndef BENCH_TEXTS_H
#define BENCH_TEXTS_H

extern const char bench_limit_text[];   /* bench_limit.cl */
extern const char bench_pytorch_text[]; /* bench_pytorch.py */
extern const char bench_plot_text[];    /* bench_plot.gp */

#endif
