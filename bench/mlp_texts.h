/* Texts that bench/mlp carries with it: see tools/embed_texts.sh. */
#ifndef BENCH_MLP_TEXTS_H
#define BENCH_MLP_TEXTS_H

extern const char mlp_pytorch_text[];

#endif
