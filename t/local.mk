# The tests. A program of t/ prints TAP through cmocka; one that needs a device runs once a device:
# t/op/batch_norm_test becomes batch_norm_test.pocl.device, .rusticl.device and .oclgrind.device,
# empty files from whose names t/on_device.sh reads program and device. (Automake names a test's log
# after the test less its last extension, so that must be the same one for all: two tests that
# differ in nothing but the extension would share a log, and only the first of them would run.)
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TEST_EXTENSIONS = .sh .device
LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_DRIVER = $(TAP_DRIVER)
DEVICE_LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_COMPILER = $(SHELL)
DEVICE_LOG_COMPILER = $(SHELL) $(top_srcdir)/t/on_device.sh
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; CC='$(CC)'; CXX='$(CXX)'; \
	AWK='$(AWK)'; export top_srcdir top_builddir CC CXX AWK;

EXTRA_DIST += t/on_device.sh t/lsan.supp t/valgrind.supp
TESTS =
check_PROGRAMS =

# What must hold of the tree and of what is installed from it; shell scripts, which need no device.
dist_tests = \
	t/dist/api_tested.sh \
	t/dist/bench_check.sh \
	t/dist/bench_traffic.sh \
	t/dist/docs.sh \
	t/dist/fault_layer.sh \
	t/dist/floors.sh \
	t/dist/headers.sh \
	t/dist/lengths.sh \
	t/dist/performance.sh \
	t/dist/symbols.sh
TESTS += $(dist_tests)
EXTRA_DIST += $(dist_tests) t/dist/tap.sh t/dist/function_lengths.awk t/dist/api_functions.awk

if HAVE_CMOCKA
# What the test programs share.
check_LTLIBRARIES = t/lib/libcheck.la
t_lib_libcheck_la_SOURCES =

# Programs that need no device: run as they are. Each is one source, PROGRAM.c.
unit_tests =
# Programs that need a device: on PoCL only, or on all three.
pocl_tests =
device_tests =
# Builds every kernel and runs none: on all three, but not a second time under valgrind.
build_tests = t/dist/kernels_test
# Of the tests on devices, those whose results matrix products make.
clblast_tests =

# The examples: their parts, and the programs run whole.
t_lib_libcheck_la_SOURCES += t/lib/command.c t/lib/command.h t/lib/idx_file.c t/lib/idx_file.h
unit_tests += t/unit/fashion_options_test t/unit/idx_test t/unit/progress_test
pocl_tests += t/op/examples_test
t_unit_fashion_options_test_SOURCES = t/unit/fashion_options_test.c \
	examples/fail.c examples/fail.h \
	examples/fashion_options.c examples/fashion_options.h
t_unit_idx_test_SOURCES = t/unit/idx_test.c \
	examples/fail.c examples/fail.h \
	examples/fashion_data.c examples/fashion_data.h \
	examples/idx.c examples/idx.h
t_unit_idx_test_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
t_unit_idx_test_LDADD = $(LDADD) $(ZLIB_LIBS)
t_unit_progress_test_SOURCES = t/unit/progress_test.c examples/progress.c examples/progress.h

# The benchmarks, in small.
unit_tests += t/unit/accuracy_test t/unit/bench_test
pocl_tests += t/op/accuracy_test t/op/bench_test t/op/mlp_bench_test t/op/startup_test
# Too much for a simulator.
pocl_tests += t/op/batch_norm_vector_places_test
t_unit_accuracy_test_SOURCES = t/unit/accuracy_test.c \
	bench/accuracy_case.c bench/accuracy_case.h \
	bench/accuracy_exact.c bench/accuracy_exact.h
t_unit_bench_test_SOURCES = t/unit/bench_test.c \
	bench/bench_cases.c bench/bench_cases.h \
	bench/bench_model.c bench/bench_model.h \
	bench/bench_numbers.c bench/bench_numbers.h \
	bench/bench_statistics.c bench/bench_statistics.h \
	bench/bench_tuning.c bench/bench_tuning.h
json_file = t/lib/json_file.c t/lib/json_file.h
t_op_mlp_bench_test_SOURCES = t/op/mlp_bench_test.c $(json_file)
t_op_mlp_bench_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_op_mlp_bench_test_LDADD = $(LDADD) $(JANSSON_LIBS)
t_op_bench_test_SOURCES = t/op/bench_test.c $(json_file)
t_op_bench_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_op_bench_test_LDADD = $(LDADD) $(JANSSON_LIBS)
t_op_startup_test_SOURCES = t/op/startup_test.c $(json_file)
t_op_startup_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_op_startup_test_LDADD = $(LDADD) $(JANSSON_LIBS)

# Files: safetensors, and how they are replaced.
t_lib_libcheck_la_SOURCES += \
	t/lib/cache_file.c t/lib/cache_file.h \
	t/lib/files.c t/lib/files.h \
	t/lib/safetensors_bytes.c t/lib/safetensors_bytes.h
unit_tests += t/unit/atomic_file_test t/unit/cache_disk_test t/unit/cache_folder_test \
	t/unit/cache_test t/unit/foreign_text_test t/unit/safetensors_header_test \
	t/unit/safetensors_read_test t/unit/safetensors_write_test t/unit/trace_file_test \
	t/unit/tuning_file_test
file_fault = t/lib/file_fault.c t/lib/file_fault.h
t_unit_atomic_file_test_SOURCES = t/unit/atomic_file_test.c $(file_fault)
t_unit_atomic_file_test_LDADD = $(LDADD) -ldl
t_unit_cache_folder_test_CPPFLAGS = $(AM_CPPFLAGS) $(NETTLE_CPPFLAGS)
t_unit_cache_disk_test_SOURCES = t/unit/cache_disk_test.c $(file_fault)
t_unit_cache_disk_test_LDADD = $(LDADD) -ldl
t_unit_safetensors_read_test_SOURCES = t/unit/safetensors_read_test.c $(file_fault)
t_unit_safetensors_read_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_unit_safetensors_read_test_LDADD = $(LDADD) $(JANSSON_LIBS) -ldl
t_unit_safetensors_write_test_SOURCES = t/unit/safetensors_write_test.c $(file_fault)
t_unit_safetensors_write_test_LDADD = $(LDADD) -ldl
t_unit_trace_file_test_SOURCES = t/unit/trace_file_test.c $(file_fault) $(json_file)
t_unit_trace_file_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_unit_trace_file_test_LDADD = $(LDADD) $(JANSSON_LIBS) -ldl
t_unit_tuning_file_test_SOURCES = t/unit/tuning_file_test.c $(file_fault)
t_unit_tuning_file_test_LDADD = $(LDADD) -ldl

# The ground that the operators' tests stand on: the reference, generators, comparator, PyTorch's
# recorded results, a batch norm as a test case; and what tests these.
t_lib_libcheck_la_SOURCES += \
	t/lib/batch_norm_case.c t/lib/batch_norm_case.h \
	t/lib/batch_norm_check.c t/lib/batch_norm_check.h \
	t/lib/batch_norm_expect.c t/lib/batch_norm_expect.h \
	t/lib/batch_norm_parts.c t/lib/batch_norm_parts.h \
	t/lib/compare.c t/lib/compare.h \
	t/lib/device.c t/lib/device.h \
	t/lib/double_backward.c t/lib/double_backward.h \
	t/lib/double_backward_check.c t/lib/double_backward_check.h \
	t/lib/fingerprint.c t/lib/fingerprint.h \
	t/lib/fused.c t/lib/fused.h \
	t/lib/gemm.c t/lib/gemm.h \
	t/lib/tuning.c t/lib/tuning.h \
	t/lib/generate.c t/lib/generate.h \
	t/lib/narrow.c t/lib/narrow.h \
	t/lib/harness.c t/lib/harness.h \
	t/lib/recorded_fingerprints.c t/lib/recorded_fingerprints.h \
	t/lib/recorded_lines.c t/lib/recorded_lines.h \
	t/lib/reference.h t/lib/reference_batch_norm.c t/lib/reference_double_backward.c \
	t/lib/reference_stack.c \
	t/lib/tolerance.c t/lib/tolerance.h \
	t/lib/vectors.c t/lib/vectors.h t/lib/vectors_find.c
unit_tests += t/unit/compare_test t/unit/generate_test t/unit/reference_test \
	t/unit/reference_double_backward_test t/unit/reference_stack_test t/unit/vectors_test
EXTRA_DIST += tools/record_vectors.py t/vectors/activation.txt \
	t/vectors/batch_norm.txt t/vectors/cross_entropy.txt \
	t/vectors/double_backward.txt t/vectors/double_backward_hashes.txt t/vectors/hashes.txt \
	t/vectors/linear.txt t/vectors/relu.txt t/vectors/sgd.txt t/vectors/statistics_hashes.txt \
	t/vectors/variant_hashes.txt

# The operators, on every device; and what must hold between results, whatever they are.
device_tests += \
	t/op/activation_test \
	t/op/batch_norm_backward_test t/op/batch_norm_double_backward_dtypes_test \
	t/op/batch_norm_double_backward_test \
	t/op/batch_norm_dtypes_test t/op/batch_norm_edge_test \
	t/op/batch_norm_forward_mode_test t/op/batch_norm_forward_test \
	t/op/batch_norm_fused_places_test t/op/batch_norm_fused_test \
	t/op/batch_norm_refused_test t/op/batch_norm_shape_test t/op/batch_norm_statistics_test \
	t/op/batch_norm_strides_test \
	t/op/copy_test t/op/cross_entropy_test \
	t/op/elementwise_test t/op/gemm_test t/op/linear_test t/op/pytorch_batch_norm_test \
	t/op/pytorch_double_backward_test t/op/pytorch_stack_test \
	t/op/sgd_test t/op/sync_test \
	t/meta/batch_norm_hash_test t/meta/batch_norm_meta_test t/meta/cache_test \
	t/meta/double_backward_test \
	t/meta/fused_tuning_test t/meta/statistics_test t/meta/tuning_test t/meta/variants_test
t_op_gemm_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_op_gemm_test_LDADD = $(LDADD) $(OPENCL_LIBS)
t_meta_batch_norm_meta_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_meta_batch_norm_meta_test_LDADD = $(LDADD) $(OPENCL_LIBS)

# The lower floors, which need no device.
unit_tests += t/unit/alloc_test t/unit/batch_norm_choice_test t/unit/dtype_test \
	t/unit/exact_moments_test \
	t/unit/gemm_test t/unit/geometry_test t/unit/random_test \
	t/unit/status_test t/unit/tensor_test t/unit/tuning_test t/unit/walk_test
t_unit_batch_norm_choice_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_unit_gemm_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENBLAS_CPPFLAGS)

# Graphs: networks as tables, from which both the reference and the library's graph are made.
t_lib_libcheck_la_SOURCES += \
	t/lib/fold_bound.c t/lib/fold_bound.h \
	t/lib/fold_case.c t/lib/fold_case.h \
	t/lib/network.c t/lib/network.h \
	t/lib/network_check.c t/lib/network_check.h \
	t/lib/network_feed.c t/lib/network_feed.h \
	t/lib/network_graph.c t/lib/network_graph.h t/lib/network_run.c \
	t/lib/reference_graph.c t/lib/reference_graph.h
unit_tests += t/unit/liveness_test t/unit/reference_graph_test
device_tests += \
	t/op/graph_batch_test t/op/graph_build_test t/op/graph_fold_refused_test \
	t/op/graph_fold_test t/op/graph_fuse_test t/op/graph_gradient_test t/op/graph_load_test \
	t/op/graph_mode_test t/op/graph_recalibrate_test t/op/graph_save_test \
	t/op/graph_state_dict_test t/op/graph_state_test t/op/graph_topology_test \
	t/op/graph_training_test

# Traces and profiles, against the launches that the driver sees.
traced = t/lib/launch_log.c t/lib/launch_log.h t/lib/traced.c t/lib/traced.h $(json_file)
device_tests += t/op/graph_profile_test t/op/trace_test
t_op_graph_profile_test_SOURCES = t/op/graph_profile_test.c $(traced)
t_op_graph_profile_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS) $(JANSSON_CFLAGS)
t_op_graph_profile_test_LDADD = $(LDADD) $(OPENCL_LIBS) $(JANSSON_LIBS) -ldl
t_op_trace_test_SOURCES = t/op/trace_test.c $(traced)
t_op_trace_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS) $(JANSSON_CFLAGS)
t_op_trace_test_LDADD = $(LDADD) $(OPENCL_LIBS) $(JANSSON_LIBS) -ldl
# A tuning in a file, by the launches that follow from it.
device_tests += t/meta/kept_tuning_test
t_meta_kept_tuning_test_SOURCES = t/meta/kept_tuning_test.c t/lib/launch_log.c t/lib/launch_log.h
t_meta_kept_tuning_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_meta_kept_tuning_test_LDADD = $(LDADD) $(OPENCL_LIBS) -ldl

clblast_tests += t/op/graph_batch_test t/op/graph_gradient_test t/op/graph_profile_test \
	t/op/graph_training_test t/op/linear_test t/op/pytorch_stack_test t/op/trace_test

# The layer that keeps Oclgrind from false alarms: a module, which -rpath makes libtool build as a
# shared object and nobody installs; and what shows that Oclgrind still sees true ones.
check_LTLIBRARIES += t/lib/oclgrind_layer.la
t_lib_oclgrind_layer_la_SOURCES = t/lib/oclgrind_layer.c
t_lib_oclgrind_layer_la_CPPFLAGS = $(OPENCL_CFLAGS)
t_lib_oclgrind_layer_la_LDFLAGS = -module -avoid-version -rpath $(abs_builddir)/t/lib
check_PROGRAMS += t/dist/oclgrind_probe
t_dist_oclgrind_probe_CPPFLAGS = -I$(top_srcdir)/include
t_dist_oclgrind_probe_LDADD = libbncl.la
TESTS += t/dist/oclgrind.sh
EXTRA_DIST += t/dist/oclgrind.sh

# What fails, and what was asked for wrongly. The fault layer is a module that the ICD loader puts
# under the programs of t/fault, as the layer for Oclgrind.
# (With --disable-shared there is none, and these programs skip their tests.)
check_LTLIBRARIES += t/fault/fault_layer.la t/fault/libfaults.la
t_fault_fault_layer_la_SOURCES = \
	t/fault/fault_layer.c t/fault/fault_layer.h t/fault/fault_layer_parts.h \
	t/fault/fault_layer_commands.c \
	t/fault/fault_layer_objects.c \
	t/fault/fault_layer_queries.c
t_fault_fault_layer_la_CPPFLAGS = -I$(top_srcdir)/t $(OPENCL_CFLAGS)
t_fault_fault_layer_la_LDFLAGS = -module -avoid-version -rpath $(abs_builddir)/t/fault
t_fault_libfaults_la_SOURCES = \
	t/fault/faults.c t/fault/faults.h \
	t/fault/graph_fixture.c t/fault/graph_fixture.h \
	t/fault/graph_world.c t/fault/graph_world.h
t_fault_libfaults_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFAULT_LAYER='"$(abs_builddir)/t/fault/.libs/fault_layer.so"'
fault_ldadd = t/fault/libfaults.la $(LDADD) $(OPENCL_LIBS) -ldl
pocl_tests += t/fault/batch_norm_first_test t/fault/batch_norm_test t/fault/cache_test \
	t/fault/double_backward_test \
	t/fault/faults_test t/fault/fold_test t/fault/graph_profile_test t/fault/graph_test \
	t/fault/linear_test t/fault/operators_test t/fault/program_test t/fault/runtime_test \
	t/fault/state_dict_test t/fault/statistics_test t/fault/step_test t/fault/threads_test \
	t/fault/trace_test t/fault/tuning_test
t_fault_batch_norm_first_test_LDADD = $(fault_ldadd)
t_fault_batch_norm_test_LDADD = $(fault_ldadd)
t_fault_cache_test_LDADD = $(fault_ldadd)
t_fault_double_backward_test_LDADD = $(fault_ldadd)
t_fault_faults_test_LDADD = $(fault_ldadd)
t_fault_fold_test_LDADD = $(fault_ldadd)
t_fault_graph_profile_test_LDADD = $(fault_ldadd)
t_fault_graph_test_LDADD = $(fault_ldadd)
t_fault_linear_test_CPPFLAGS = $(AM_CPPFLAGS) $(CLBLAST_CFLAGS)
t_fault_linear_test_LDADD = $(fault_ldadd) $(CLBLAST_LIBS)
t_fault_operators_test_LDADD = $(fault_ldadd)
t_fault_program_test_LDADD = $(fault_ldadd)
t_fault_runtime_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_fault_runtime_test_LDADD = $(fault_ldadd)
t_fault_state_dict_test_LDADD = $(fault_ldadd)
t_fault_statistics_test_LDADD = $(fault_ldadd)
t_fault_step_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_fault_step_test_LDADD = $(fault_ldadd)
t_fault_threads_test_LDADD = $(fault_ldadd)
t_fault_trace_test_SOURCES = t/fault/trace_test.c t/lib/traced.c t/lib/traced.h $(json_file)
t_fault_trace_test_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
t_fault_trace_test_LDADD = $(fault_ldadd) $(JANSSON_LIBS)
t_fault_tuning_test_LDADD = $(fault_ldadd)

check_LTLIBRARIES += t/api/libapi.la
t_api_libapi_la_SOURCES = t/api/api.c t/api/api.h
api_ldadd = t/api/libapi.la $(LDADD)
unit_tests += t/api/values_test t/unit/device_select_test
t_unit_device_select_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
pocl_tests += t/api/activation_test t/api/batch_norm_test t/api/double_backward_test \
	t/api/fold_test t/api/graph_profile_test t/api/graph_run_test t/api/graph_test \
	t/api/linear_test t/api/opencl_test \
	t/api/operators_test t/api/runtime_test t/api/statistics_test t/api/tuning_test
t_api_fold_test_LDADD = $(api_ldadd)
t_api_graph_profile_test_LDADD = $(api_ldadd)
t_api_graph_run_test_LDADD = $(api_ldadd)
t_api_graph_test_LDADD = $(api_ldadd)
t_api_linear_test_LDADD = $(api_ldadd)
t_api_activation_test_LDADD = $(api_ldadd)
t_api_batch_norm_test_LDADD = $(api_ldadd)
t_api_double_backward_test_LDADD = $(api_ldadd)
t_api_statistics_test_LDADD = $(api_ldadd)
t_api_tuning_test_LDADD = $(api_ldadd)
t_api_opencl_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_api_opencl_test_LDADD = $(api_ldadd) $(OPENCL_LIBS)
t_api_values_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_api_values_test_LDADD = $(api_ldadd)
t_api_operators_test_LDADD = $(api_ldadd)
t_api_runtime_test_CPPFLAGS = $(AM_CPPFLAGS) $(OPENCL_CFLAGS)
t_api_runtime_test_LDADD = $(api_ldadd) $(OPENCL_LIBS)

check_PROGRAMS += $(unit_tests) $(pocl_tests) $(device_tests) $(build_tests)
pocl_stamps = $(pocl_tests:=.pocl.device) $(device_tests:=.pocl.device)
# Small tensors take one launch each way: what large ones take, on these shapes. (tuning_test,
# variants_test and fused_tuning_test of t/meta have both ways in all types, fused or not.)
apart_tests = t/op/batch_norm_backward_test t/op/batch_norm_edge_test t/op/batch_norm_forward_test \
	t/op/batch_norm_statistics_test t/op/pytorch_batch_norm_test
pocl_stamps += $(apart_tests:=.pocl-apart.device)
if HAVE_OPENBLAS
# Where OpenBLAS multiplies, CLBlast as well.
pocl_stamps += $(clblast_tests:=.pocl-clblast.device)
endif
# The longest first: at the end nothing would run beside it.
device_stamps = $(build_tests:=.rusticl.device) $(build_tests:=.pocl.device) \
	$(build_tests:=.oclgrind.device) $(pocl_stamps) $(device_tests:=.rusticl.device) \
	$(device_tests:=.oclgrind.device)
TESTS += $(unit_tests) $(device_stamps)
$(device_stamps):
	@$(MKDIR_P) $(@D) && touch $@
CLEANFILES += $(device_stamps)

# The same tests once more, on PoCL alone: what ./runtests runs under valgrind, by way of
# BNCL_TEST_WRAPPER, and with the sanitizers.
LOG_COMPILER = $(BNCL_TEST_WRAPPER)
check-pocl:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(unit_tests) $(pocl_stamps)'
oclgrind_layer = t/lib/oclgrind_layer.la
endif

# Batch norm beside PyTorch itself, see CONTRIBUTING.md. No part of `make check', since PyTorch is
# large; without it the program says so and ends with 77, which is no failure.
PYTORCH_INTERPRETER = /usr/bin/python3
PYTORCH_DEVICE = pocl
PYTORCH_OPTIONS =
EXTRA_DIST += \
	t/pytorch/activation.py \
	t/pytorch/bounds.py \
	t/pytorch/check_pytorch.py \
	t/pytorch/compare.py \
	t/pytorch/configuration.py \
	t/pytorch/device.py \
	t/pytorch/double_backward.py \
	t/pytorch/error_cases.py \
	t/pytorch/expect.py \
	t/pytorch/forward_mode.py \
	t/pytorch/graph.py \
	t/pytorch/graph_cases.py \
	t/pytorch/library.py \
	t/pytorch/list_cases.py \
	t/pytorch/lists.py \
	t/pytorch/norm.py \
	t/pytorch/offered.py \
	t/pytorch/random_cases.py \
	t/pytorch/reference.py \
	t/pytorch/report.py \
	t/pytorch/safetensors.py
check-pytorch: libbncl.la $(oclgrind_layer)
	@$(AM_TESTS_ENVIRONMENT) \
	BNCL_TEST_WRAPPER='$(PYTORCH_INTERPRETER)'; BNCL_TEST_TIMEOUT=3000; \
	export BNCL_TEST_WRAPPER BNCL_TEST_TIMEOUT; \
	$(SHELL) $(top_srcdir)/t/on_device.sh \
		$(abs_top_srcdir)/t/pytorch/check_pytorch.py.$(PYTORCH_DEVICE).device \
		$(PYTORCH_OPTIONS) || test $$? -eq 77

# What drivers compiled while testing: see t/on_device.sh.
clean-local:
	rm -rf t/cache bench/plain_sums

