# The benchmarks: public headers and -lbncl only. `make bench' makes them; `make check' as well, for
# the tests that run them once. bncl-bench is installed.
bin_PROGRAMS += bench/bncl-bench
BENCHES = bench/accuracy bench/command_buffer bench/mlp bench/startup bench/startup_bare \
	bench/startup_library bench/traffic bench/versus
check_PROGRAMS += $(BENCHES)
bench: $(BENCHES) bench/bncl-bench

# What the programs share: how they fail, and the others that they talk to.
bench_peers = \
	bench/child.c bench/child.h \
	bench/fail.c bench/fail.h \
	bench/gnuplot.c bench/gnuplot.h \
	bench/onednn.c bench/onednn.h \
	bench/pytorch.c bench/pytorch.h

bench_bncl_bench_CPPFLAGS = -I$(top_srcdir)/include -I$(top_srcdir)/bench $(ONEDNN_CPPFLAGS) \
	$(OPENCL_CFLAGS) $(JANSSON_CFLAGS)
bench_bncl_bench_LDADD = libbncl.la $(ONEDNN_LIBS) $(OPENCL_LIBS) $(JANSSON_LIBS) -lm -ldl
bench_bncl_bench_SOURCES = \
	bench/bench.c \
	bench/bench_batch_norm.c \
	bench/bench_cases.c bench/bench_cases.h \
	bench/bench_contestant.h \
	bench/bench_duel.c bench/bench_duel.h \
	bench/bench_files.c bench/bench_files.h \
	bench/bench_library.c bench/bench_library.h \
	bench/bench_limit.c \
	bench/bench_measure.c bench/bench_measure.h \
	bench/bench_model.c bench/bench_model.h \
	bench/bench_numbers.c bench/bench_numbers.h \
	bench/bench_onednn.c \
	bench/bench_operation.h \
	bench/bench_operators.c \
	bench/bench_options.c bench/bench_options.h \
	bench/bench_plot.c bench/bench_plot.h \
	bench/bench_pytorch.c \
	bench/bench_statistics.c bench/bench_statistics.h \
	bench/bench_table.c bench/bench_table.h \
	bench/bench_texts.h \
	bench/bench_threads.c bench/bench_threads.h \
	bench/bench_tune.c bench/bench_tune.h \
	bench/bench_tuning.c bench/bench_tuning.h \
	bench/bench_world.c bench/bench_world.h \
	bench/launches.c bench/launches.h \
	$(bench_peers)
nodist_bench_bncl_bench_SOURCES = bench_texts.c

# Texts that bncl-bench carries with it, so that it needs no files of its own where it is installed.
BENCH_TEXTS = bench/bench_limit.cl bench/bench_pytorch.py bench/bench_plot.gp
EXTRA_DIST += $(BENCH_TEXTS) tools/embed_texts.sh
bench_texts.c: $(BENCH_TEXTS) tools/embed_texts.sh
	$(AM_V_GEN)texts=; for text in $(BENCH_TEXTS); do texts="$$texts $(srcdir)/$$text"; done; \
	$(SHELL) $(srcdir)/tools/embed_texts.sh bench_texts.h $$texts > $@.tmp && mv -f $@.tmp $@
CLEANFILES += bench_texts.c bench_texts.c.tmp

# The figures that are promised, beside their bars. No part of `make check': a noisy machine is no
# failing test. BENCH_CHECK_ONLY: the parts to measure, such as --only limit,peers (see check.py
# --help); BENCH_CHECK_OPTIONS: options of bncl-bench's.
BENCH_CHECK_ONLY =
BENCH_CHECK_OPTIONS =
EXTRA_DIST += bench/check.py
bench-check: $(BENCHES) bench/bncl-bench
	$(PYTORCH_INTERPRETER) -B $(srcdir)/bench/check.py --programs bench $(BENCH_CHECK_ONLY) -- \
		$(BENCH_CHECK_OPTIONS)

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
	$(bench_peers)
EXTRA_DIST += bench/accuracy.gp bench/accuracy_pytorch.py

# A fresh process to its first batch norm, beside a bare OpenCL program. What is timed must be the
# programs themselves, not the scripts that libtool puts before what is to be installed.
bench_startup_CPPFLAGS = -I$(top_srcdir)/include
bench_startup_LDADD = -lm
bench_startup_SOURCES = \
	bench/startup.c \
	bench/bench_statistics.c bench/bench_statistics.h \
	bench/child.c bench/child.h \
	bench/fail.c bench/fail.h
bench_startup_bare_CPPFLAGS = $(OPENCL_CFLAGS)
bench_startup_bare_LDADD = $(OPENCL_LIBS)
bench_startup_bare_SOURCES = bench/bare.c bench/bare.h bench/startup_bare.c
bench_startup_library_CPPFLAGS = -I$(top_srcdir)/include
bench_startup_library_LDADD = libbncl.la -lm
bench_startup_library_LDFLAGS = -no-install
bench_startup_library_SOURCES = bench/startup_library.c
BENCH_STARTUP_OPTIONS =
bench-startup: bench/startup bench/startup_bare bench/startup_library
	bench/startup $(BENCH_STARTUP_OPTIONS)

# Launches one by one beside the same ones in a command buffer.
bench_command_buffer_CPPFLAGS = $(OPENCL_CFLAGS)
bench_command_buffer_LDADD = $(OPENCL_LIBS) -lm
bench_command_buffer_SOURCES = \
	bench/bare.c bench/bare.h \
	bench/bench_statistics.c bench/bench_statistics.h \
	bench/command_buffer.c

# The example's network beside the same one in PyTorch.
bench_mlp_CPPFLAGS = -I$(top_srcdir)/include -I$(top_srcdir)/bench $(OPENCL_CFLAGS) \
	$(JANSSON_CFLAGS)
bench_mlp_LDADD = libbncl.la $(OPENCL_LIBS) $(JANSSON_LIBS) -lm -ldl
bench_mlp_SOURCES = \
	bench/bench_numbers.c bench/bench_numbers.h \
	bench/bench_statistics.c bench/bench_statistics.h \
	bench/bench_threads.c bench/bench_threads.h \
	bench/child.c bench/child.h \
	bench/fail.c bench/fail.h \
	bench/launches.c bench/launches.h \
	bench/mlp.c \
	bench/mlp_library.c \
	bench/mlp_options.c bench/mlp_options.h \
	bench/mlp_pytorch.c \
	bench/mlp_side.h \
	bench/mlp_texts.h \
	bench/pytorch.c bench/pytorch.h \
	examples/fail.c examples/fail.h \
	examples/fashion_model.c examples/fashion_model.h \
	examples/fashion_trainer.c examples/fashion_trainer.h \
	examples/progress.c examples/progress.h
nodist_bench_mlp_SOURCES = mlp_texts.c
EXTRA_DIST += bench/mlp_pytorch.py
mlp_texts.c: bench/mlp_pytorch.py tools/embed_texts.sh
	$(AM_V_GEN)$(SHELL) $(srcdir)/tools/embed_texts.sh mlp_texts.h \
		$(srcdir)/bench/mlp_pytorch.py > $@.tmp && mv -f $@.tmp $@
CLEANFILES += mlp_texts.c mlp_texts.c.tmp
BENCH_MLP_OPTIONS =
bench-mlp: bench/mlp
	bench/mlp $(BENCH_MLP_OPTIONS)

# The bytes that kernels load and store, as Oclgrind counts them.
TRAFFIC_OPTIONS =
bench_traffic_CPPFLAGS = -I$(top_srcdir)/include -I$(top_srcdir)/bench $(OPENCL_CFLAGS)
bench_traffic_LDADD = libbncl.la $(OPENCL_LIBS) -ldl
bench_traffic_SOURCES = \
	bench/bench_batch_norm.c \
	bench/bench_cases.c bench/bench_cases.h \
	bench/bench_contestant.h \
	bench/bench_library.c bench/bench_library.h \
	bench/bench_model.h \
	bench/bench_numbers.c bench/bench_numbers.h \
	bench/bench_operation.h \
	bench/bench_operators.c \
	bench/bench_options.h \
	bench/bench_world.c bench/bench_world.h \
	bench/fail.c bench/fail.h \
	bench/traffic.c
EXTRA_DIST += bench/traffic.py
bench-traffic: bench/traffic
	$(PYTORCH_INTERPRETER) -B $(srcdir)/bench/traffic.py --program bench/traffic $(TRAFFIC_OPTIONS)

# How time grows with the values of a channel, and with the channels.
GROWTH_OPTIONS =
EXTRA_DIST += bench/growth.py
bench-growth: bench/bncl-bench
	$(PYTORCH_INTERPRETER) -B $(srcdir)/bench/growth.py --bench bench/bncl-bench \
		$(GROWTH_OPTIONS)

# The tables of doc/performance.md, from the files beside it.
EXTRA_DIST += bench/report.py
bench-report:
	$(PYTORCH_INTERPRETER) -B $(srcdir)/bench/report.py $(srcdir)/doc

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
