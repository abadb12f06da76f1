# shellcheck shell=sh
# What ./quickstart and ./runtests share: what the build needs and where Debian has it, installing
# what is missing, configuring, making. They source it with $root set to the source folder's
# absolute path; every function works on $root and $build, and each step writes to a log in $build.
# It keeps going where an earlier run stopped: each function first looks whether it has work to do.

build=${root:?}/build
child=''
installing=''

say() {
    printf '==> %s\n' "$*"
}

# A text that says what was expected and got, and the end.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# When this shell is told to stop, what it started must stop too: otherwise a compiler would go on
# writing into the folder that the next run works in. The one exception is apt-get: a dpkg that is
# killed half-way leaves the system half-installed, so its end is awaited. Who does not want to wait
# says so a second time, apt-get then goes on alone; not within the first second, for timeout(1)
# sends every signal twice.
stop() {
    trap - EXIT
    if [ -n "$installing" ]; then
        trap '' HUP INT TERM
        printf '\n%s: packages are being installed; stopping half-way would leave them broken\n' \
            "${0##*/}" >&2
        printf 'Waiting for that to end. (To leave it to itself, stop this once more.)\n' >&2
        sleep 1
        trap 'abandon "$1"' HUP INT TERM
    elif [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null
    fi
    [ -z "$child" ] || wait "$child" 2>/dev/null
    printf '\n%s: stopped; run it again to take up from here\n' "${0##*/}" >&2
    exit "$1"
}

abandon() {
    printf '\n%s: stopped; apt-get goes on by itself, its output in %s\n' "${0##*/}" "$log" >&2
    exit "$1"
}
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM

# logged NAME COMMAND...: runs the command with its output in build/NAME.log.
logged() {
    log=$build/$1.log
    shift
    "$@" >"$log" 2>&1 </dev/null &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    return "$status"
}

# step NAME TEXT COMMAND...: says TEXT, runs the command; on failure shows the log's end and dies.
step() {
    step_name=$1
    say "$2"
    shift 2
    logged "$step_name" "$@" || step_failed "$step_name" "$(as_typed "$@")"
}

# A command as a user would type it, who knows nothing of this file's functions.
as_typed() {
    case $1 in
    in_folder)
        printf 'cd %s && ' "$2"
        shift 2
        ;;
    apt_install)
        printf 'apt-get install -y --no-install-recommends '
        shift
        ;;
    esac
    printf '%s' "$*"
}

step_failed() {
    printf -- '---- the end of build/%s.log ----\n' "$1" >&2
    tail -n 30 "$build/$1.log" >&2
    printf -- '----\n' >&2
    die "failed: $2 (all of it: $build/$1.log)"
}

# ---- what is needed: Debian's package, how to see that it is here already, and why ----

needs_build() {
    cat <<'END'
gcc                     compiler                compiles the library
libc6-dev               header:stdio.h          the C library's headers
make                    command:make            runs the build
pkg-config              command:pkg-config      finds the libraries
ocl-icd-opencl-dev      module:OpenCL           OpenCL's headers and loader
libclblast-dev          module:clblast          multiplies matrices on OpenCL devices
libopenblas-dev         module:openblas         multiplies them on CPUs, faster
nettle-dev              module:nettle           digests what the cache of kernels holds
libjansson-dev          module:jansson          reads the header of safetensors files
zlib1g-dev              module:zlib             reads the examples' compressed data
END
}

# Not needed where configure has come with the source, as in a release's archive.
needs_autotools() {
    configure_is_old || return 0
    cat <<'END'
autoconf                command:autoreconf      makes the configure script
automake                command:automake        makes Makefile.in
libtool                 command:libtoolize      builds shared libraries
END
}

# Mesa's drivers offer no device on a machine without their hardware, so they do not count here.
needs_device() {
    cat <<'END'
pocl-opencl-icd         driver                  an OpenCL device on any CPU
END
}

needs_data() {
    cat <<'END'
dataset-fashion-mnist   file:/usr/share/datasets/fashion-mnist  the images to learn from
END
}

needs_tests() {
    cat <<'END'
g++                     command:g++             tries the headers in C++
libcmocka-dev           module:cmocka           the tests' framework
pocl-opencl-icd         file:/etc/OpenCL/vendors/pocl.icd       the first device to test on
mesa-opencl-icd         file:/etc/OpenCL/vendors/rusticl.icd    the second, an unrelated compiler
oclgrind                command:oclgrind        the third, which finds races and stray accesses
python3                 command:python3         the benchmarks' reports, which tests run
END
}

# has PROBE: does this machine have it?
has() {
    case $1 in
    compiler) command -v "${CC:-gcc}" || command -v cc || command -v clang ;;
    command:*) command -v "${1#*:}" ;;
    module:*) pkg-config --exists "${1#*:}" ;;
    header:*) printf '#include <%s>\n' "${1#*:}" | ${CC:-cc} -E - ;;
    file:*) test -e "${1#*:}" ;;
    driver) has_driver ;;
    *) false ;;
    esac >/dev/null 2>&1
}

has_driver() {
    [ -z "${OCL_ICD_VENDORS-}${OCL_ICD_FILENAMES-}" ] || return 0
    for driver in /etc/OpenCL/vendors/*.icd; do
        case ${driver##*/} in
        mesa.icd | rusticl.icd | '*.icd') ;;
        *) return 0 ;;
        esac
    done
    return 1
}

# missing NEEDS...: the lines of these lists whose probe fails.
missing() {
    for needs in "$@"; do "$needs"; done | while read -r package probe purpose; do
        has "$probe" || printf '%-24s%s\n' "$package" "$purpose"
    done
}

# ---- installing ----

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Use-Pty=0 "$@"
}

# An earlier run that was killed while packages were being unpacked left dpkg half-way. Signals that
# go to all processes at once, from a terminal or from timeout(1), must not reach apt-get: see
# `stop'.
apt_install() {
    trap '' HUP INT TERM
    apt_get update || echo "no fresh package lists; going on with those there are"
    apt_get install -y --no-install-recommends "$@" && return 0
    as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a &&
        apt_get install -y --no-install-recommends "$@"
}

# Dies unless this user may install packages; asks for sudo's password, if it needs one, now.
may_install() {
    byhand="To go on, have these installed by an administrator, then run this again:
    apt-get install --no-install-recommends $*"
    command -v apt-get >/dev/null ||
        die "these are missing and there is no apt-get here. Install what they are called on this \
system, then run this again:
    $*"
    [ "$(id -u)" -eq 0 ] && return 0
    command -v sudo >/dev/null ||
        die "packages are missing, you are not root and there is no sudo. $byhand"
    sudo -n true 2>/dev/null && return 0
    { [ -t 0 ] && sudo -v; } ||
        die "packages are missing and sudo does not let you install them. $byhand"
}

# install_needs NEEDS...: installs what these lists name and this machine lacks.
install_needs() {
    lacking=$(missing "$@")
    [ -n "$lacking" ] || return 0
    packages=$(printf '%s\n' "$lacking" | while read -r package purpose; do
        printf '%s ' "$package"
    done)
    say "Missing on this machine:"
    printf '%s\n' "$lacking" | sed 's/^/      /'
    # shellcheck disable=SC2086 # one argument a package
    may_install $packages
    installing=yes
    # shellcheck disable=SC2086
    step install "Installing these packages and what they need" apt_install $packages
    installing=
    lacking=$(missing "$@")
    [ -z "$lacking" ] || die "still missing, though the packages were installed:
$lacking"
}

# ---- building ----

# Neither autoconf nor make can quote a path: what they or the shell read as more than itself must
# not be in it.
check_root() {
    case $root in
    *[][:space:][:cntrl:][\"\'\`\\\#\$\&\;:\(\)\<\>\|\*\?]*)
        die "the source is in a folder whose path autoconf and make cannot work with, '$root': \
there is a blank, a quote or another special character in it. Move or copy the source to a path \
without such characters, and run this from there."
        ;;
    esac
}

# Takes build/ for this run. A run that comes while another is at work there waits for it: the lock
# lives as long as any process of that run, on file descriptor 9.
open_build() {
    check_root
    if [ ! -d "$build" ] && ! mkdir "$build" 2>/dev/null; then
        die "$root must be writable, for the build goes to its folder build/, but $(id -un) may \
not write there. Copy the source to a folder of your own and run this from there."
    fi
    [ -w "$build" ] || die "$build must be writable, but $(id -un) may not write there. It was \
made by another user: remove it, or run this as that user."
    command -v flock >/dev/null || return 0
    (: >>"$build/.lock") 2>/dev/null || die "$build/.lock must be writable: remove it"
    exec 9>>"$build/.lock"
    flock -n 9 && return 0
    say "Another run is at work in build/: waiting for its end"
    flock 9 &
    child=$!
    wait "$child"
    child=
}

# Is configure missing, half made, or older than what it is made from? Makefile.in is made last.
configure_is_old() {
    for made in configure Makefile.in config.h.in build-aux/ltmain.sh build-aux/tap-driver.sh; do
        [ -e "$root/$made" ] || return 0
    done
    [ -n "$(find "$root/configure.ac" "$root/Makefile.am" "$root"/*/local.mk \
        -newer "$root/Makefile.in")" ]
}

make_configure() {
    configure_is_old || return 0
    [ -w "$root" ] || die "$root must be writable to make configure there, but $(id -un) may not \
write there. Copy the source to a folder of your own and run this from there."
    step autoreconf "Making configure" in_folder "$root" autoreconf -fi
}

# Takes the place of the process it runs in, so that `stop' reaches the command: only for `step'.
in_folder() {
    cd "$1" && shift && exec "$@"
}

# What the outcome of configure depends on besides its source. What is compiled anew when it changes
# stands in the first line.
configuration() {
    echo "$* CC=${CC-} CFLAGS=${CFLAGS-} CPPFLAGS=${CPPFLAGS-} LDFLAGS=${LDFLAGS-}" \
        "OpenBLAS $(pkg-config --modversion openblas 2>/dev/null)" \
        "Nettle $(pkg-config --modversion nettle 2>/dev/null)"
    echo "cmocka $(pkg-config --modversion cmocka 2>/dev/null), g++ $(command -v g++)"
}

# configure_in FOLDER OPTION...: an out-of-tree configure, if it was not done just so before.
configure_in() {
    folder=$1
    shift
    made=$folder/.configured
    if [ -e "$made" ] && [ "$(cat "$made")" = "$(configuration "$@")" ] &&
        [ -z "$(find "$root/configure" -newer "$made")" ]; then
        return 0
    fi
    if [ -e "$made" ] && [ "$(head -n 1 "$made")" != "$(configuration "$@" | head -n 1)" ]; then
        step clean "Removing what was compiled with other options in ${folder##*/}/" \
            make -C "$folder" clean
    fi
    mkdir -p "$folder" || die "$folder must be writable"
    rm -f "$made"
    step "configure-${folder##*/}" "Configuring in ${folder##*/}/" \
        in_folder "$folder" "$root/configure" "$@"
    configuration "$@" >"$made"
}

# make_in FOLDER [TARGET...]: make, on all cores.
make_in() {
    folder=$1
    shift
    step "make-${folder##*/}" "Compiling in ${folder##*/}/" make -C "$folder" -j"$(nproc)" "$@"
}

# Drivers keep compiled kernels in the home; where that cannot be written, in build/.
choose_caches() {
    if [ -n "${XDG_CACHE_HOME-}" ]; then
        cache=$XDG_CACHE_HOME
    elif [ -d "${HOME-}" ]; then
        cache=$HOME/.cache
    else
        cache=
    fi
    if [ -n "$cache" ] && mkdir -p "$cache" 2>/dev/null &&
        trial=$(mktemp -d "$cache/bncl.XXXXXX" 2>/dev/null); then
        rmdir "$trial"
        return 0
    fi
    XDG_CACHE_HOME=$build/cache
    POCL_CACHE_DIR=${POCL_CACHE_DIR:-$build/cache/pocl}
    export XDG_CACHE_HOME POCL_CACHE_DIR
    mkdir -p "$XDG_CACHE_HOME" "$POCL_CACHE_DIR" || die "$build must be writable"
    say "Your home cannot be written: drivers keep compiled kernels in build/cache/"
}

# In a bare chroot there is no /sys: PoCL's hwloc then finds no memory, and PoCL ends the program.
# It is told what the kernel says elsewhere.
make_do_without_sysfs() {
    [ ! -d /sys/devices/system/cpu ] && [ -z "${HWLOC_SYNTHETIC-}${HWLOC_XMLFILE-}" ] || return 0
    bytes=$(awk '$1 == "MemTotal:" { printf "%.0f", $2 * 1024 }' /proc/meminfo 2>/dev/null)
    HWLOC_SYNTHETIC="numa:1(memory=${bytes:-1073741824}) pu:$(nproc)"
    HWLOC_THISSYSTEM=1
    export HWLOC_SYNTHETIC HWLOC_THISSYSTEM
    say "No /sys here: PoCL is told of $(nproc) processors and ${bytes:-1073741824} bytes of memory"
}
