#!/bin/sh
# Runs a test program on one OpenCL device, chosen by the name of the stamp that stands for the
# test:
#   on_device.sh FOLDER/PROGRAM.DEVICE.device [ARGUMENT]...     DEVICE: pocl, rusticl or oclgrind,
#                                     or pocl-clblast: PoCL with CLBlast's products, not OpenBLAS's,
#                                     or pocl-apart: PoCL, batch norm in steps, not in one launch
# Standard output is the program's TAP and nothing else. A missing driver skips the test, unless
# BNCL_TEST_REQUIRE_DEVICE=1 makes that a failure. BNCL_TEST_WRAPPER, if set, is a command that the
# program is run under, such as valgrind. What drivers compile is kept in BNCL_TEST_CACHE, or in
# t/cache of the build folder, whatever the home is like. A program that takes longer than
# BNCL_TEST_TIMEOUT seconds (600) is stopped, and has failed: drivers can wait for ever.
set -u

test=$1
stamp=${test%.device}
shift
device=${stamp##*.}
program=${stamp%.*}
case $device in
*-clblast)
    device=${device%-clblast}
    export BNCL_GEMM=clblast
    ;;
*-apart)
    device=${device%-apart}
    export BNCL_TUNING=whole=0,direct=0
    ;;
esac
icd_folder=/etc/OpenCL/vendors
cache=${BNCL_TEST_CACHE:-${top_builddir:?}/t/cache}

skip_or_fail() {
    if [ "${BNCL_TEST_REQUIRE_DEVICE-}" = 1 ]; then
        echo "Bail out! $*"
        exit 1
    fi
    echo "1..0 # SKIP $*"
    exit 0
}

# The loader is shown one driver only: no test can run on another one by mistake.
use_driver() { # FILE PACKAGE
    [ -e "$1" ] || skip_or_fail "$1 is missing (package $2)"
    export OCL_ICD_VENDORS="$1" BNCL_DEVICE="$device"
}

mkdir -p "$cache/pocl" "$cache/mesa" || skip_or_fail "$cache cannot be made"
export POCL_CACHE_DIR="$cache/pocl" MESA_SHADER_CACHE_DIR="$cache/mesa"
# The library's own cache is for the tests of it: see t/fault/cache_test.c.
export BNCL_CACHE=off
log=
case $device in
pocl)
    use_driver "$icd_folder/pocl.icd" pocl-opencl-icd
    ;;
rusticl)
    use_driver "$icd_folder/rusticl.icd" mesa-opencl-icd
    export RUSTICL_ENABLE=llvmpipe
    ;;
oclgrind)
    driver=$(find /usr/lib /usr/local/lib -name liboclgrind-rt-icd.so 2>/dev/null | head -n 1)
    use_driver "${driver:-liboclgrind-rt-icd.so}" oclgrind
    log=$cache/$(printf %s "$stamp" | tr / _).found
    rm -f "$log"
    export OCLGRIND_LOG="$log" OCLGRIND_CHECK_API=1 OCLGRIND_DATA_RACES=1 \
        OCLGRIND_UNINITIALIZED=1 BNCL_TEST_SMALL=1
    layer=${top_builddir:?}/t/lib/.libs/oclgrind_layer.so # see t/lib/oclgrind_layer.c
    [ ! -e "$layer" ] || export OPENCL_LAYERS="$layer"
    ;;
*)
    echo "Bail out! $test names no device that this script knows"
    exit 1
    ;;
esac

# cmocka writes a skipped test as "not ok N # SKIP", which TAP calls a failure. (The status goes by
# way of descriptor 4, since that of a pipe is its last command's.)
limit=
! command -v timeout >/dev/null || limit="timeout --foreground -k 10 ${BNCL_TEST_TIMEOUT:-600}"
# shellcheck disable=SC2086 # commands with arguments
run_program() {
    $limit ${BNCL_TEST_WRAPPER-} "$program" "$@" 4>&-
    echo $? >&4
}
exec 3>&1
status=$({ run_program "$@" | sed -u 's/^not ok \([0-9]*\) # SKIP/ok \1 # SKIP/' >&3; } 4>&1)
exec 3>&-
[ "$status" -ne 124 ] || echo "# stopped: it took longer than ${BNCL_TEST_TIMEOUT:-600} s"

# Oclgrind ends with status 0 whatever it found.
if [ -n "$log" ]; then
    if [ -s "$log" ]; then
        echo "# Oclgrind found something, beginning with:"
        head -n 40 "$log" | sed 's/^/# /'
        status=1
    fi
    rm -f "$log"
fi
exit "$status"
