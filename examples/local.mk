# The examples: public headers and -lbncl only.
EXAMPLES = examples/batch_norm examples/fold examples/sequence examples/synchronized \
	examples/interop examples/fashion_mlp
noinst_PROGRAMS = $(EXAMPLES)
examples_cppflags = -I$(top_srcdir)/include
examples_batch_norm_CPPFLAGS = $(examples_cppflags)
examples_batch_norm_LDADD = libbncl.la -lm
examples_fold_CPPFLAGS = $(examples_cppflags)
examples_fold_LDADD = libbncl.la -lm
examples_sequence_CPPFLAGS = $(examples_cppflags)
examples_sequence_LDADD = libbncl.la -lm
examples_synchronized_CPPFLAGS = $(examples_cppflags)
examples_synchronized_LDADD = libbncl.la -lm
examples_interop_CPPFLAGS = $(examples_cppflags) $(OPENCL_CFLAGS)
examples_interop_LDADD = libbncl.la $(OPENCL_LIBS) -lm
examples_fashion_mlp_CPPFLAGS = $(examples_cppflags) $(ZLIB_CFLAGS)
examples_fashion_mlp_LDADD = libbncl.la $(ZLIB_LIBS) -lm
examples_fashion_mlp_SOURCES = \
	examples/fail.c examples/fail.h \
	examples/fashion_data.c examples/fashion_data.h \
	examples/fashion_evaluator.c examples/fashion_evaluator.h \
	examples/fashion_mlp.c \
	examples/fashion_model.c examples/fashion_model.h \
	examples/fashion_options.c examples/fashion_options.h \
	examples/fashion_trainer.c examples/fashion_trainer.h \
	examples/idx.c examples/idx.h \
	examples/progress.c examples/progress.h \
	examples/writable.c examples/writable.h
