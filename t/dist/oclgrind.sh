#!/bin/sh
# That an empty log of Oclgrind shows something: with t/on_device.sh's checks and layer it does see
# the use of memory that was never written, and sees none where there is none.
set -u
. "${top_srcdir:?}/t/dist/tap.sh"

probe=$top_builddir/t/dist/oclgrind_probe

# What on_device.sh prints of a run on Oclgrind; the case comes to the probe by way of the wrapper.
log_of() { # CASE
    cat >"$scratch/run" <<END
#!/bin/sh
exec "\$1" $1
END
    chmod +x "$scratch/run"
    mkdir -p "$scratch/cache"
    ln -sf "$probe" "$scratch/probe"
    BNCL_TEST_WRAPPER=$scratch/run BNCL_TEST_CACHE=$scratch/cache \
        sh "$top_srcdir/t/on_device.sh" "$scratch/probe.oclgrind.device" 2>&1
}

case $(log_of part) in
1..0*)
    echo "1..0 # SKIP no Oclgrind"
    exit 0
    ;;
esac

finds "memory that was never written is seen" "Uninitialized" log_of never
finds_none "a write to a part leaves the rest of the buffer written" log_of part
finds_none "an address that comes again is a new buffer" log_of again
finish
