# The benchmarks: public headers and -lbncl only. `make bench' makes them; `make check' as well, for
# the test that runs them once.
BENCHES = bench/accuracy bench/versus
check_PROGRAMS += $(BENCHES)
bench: $(BENCHES)

bench_accuracy_CPPFLAGS = -I$(top_srcdir)/include $(ONEDNN_CPPFLAGS) \
	-DBENCH_DIR='"$(abs_top_srcdir)/bench"'
bench_accuracy_LDADD = libbncl.la $(ONEDNN_LIBS) -lm
bench_accuracy_SOURCES = \
	bench/accuracy.c \
	bench/accuracy_case.c bench/accuracy_case.h \
	bench/accuracy_exact.c bench/accuracy_exact.h \
	bench/accuracy_library.c bench/accuracy_library.h \
	bench/accuracy_onednn.c \
	bench/accuracy_options.c bench/accuracy_options.h \
	bench/accuracy_peer.h \
	bench/accuracy_plot.c bench/accuracy_plot.h \
	bench/accuracy_pytorch.c \
	bench/accuracy_table.c bench/accuracy_table.h \
	bench/child.c bench/child.h \
	bench/fail.c bench/fail.h
EXTRA_DIST += bench/accuracy.gp bench/accuracy_pytorch.py

bench_versus_CPPFLAGS = -I$(top_srcdir)/include
bench_versus_LDADD = libbncl.la
bench_versus_SOURCES = bench/versus.c
EXTRA_DIST += bench/plain_sums.cl

# What accurate statistics cost, beside the same kernel with plain sums.
bench-plain-sums: bench/versus
	rm -rf bench/plain_sums && $(MKDIR_P) bench/plain_sums
	cp $(srcdir)/kernels/*.cl bench/plain_sums
	cp $(srcdir)/bench/plain_sums.cl bench/plain_sums/batch_norm_statistics_inner.cl
	bench/versus bench/plain_sums
