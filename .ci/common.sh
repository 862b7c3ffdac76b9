# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What quickstart and run-tests share: talk, packages, build. Sourced, with $src set to the source tree.
# shellcheck disable=SC2034 # those who source this use its variables
: "${src:?the source tree}"

if [ -t 1 ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
    bold='' plain=''
fi

say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" = 0 ] || die "this needs root (it makes containers): run  sudo $0"
    # Bare chroots and su without "-" often lack these.
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    export PATH
}

# need_packages PACKAGE...: install what is missing. Nothing missing: no network is touched.
need_packages() {
    command -v dpkg-query >/dev/null 2>&1 || {
        say "This is not a Debian: taking for granted that these, or their like, are installed: $*"
        return 0
    }
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
        'install ok installed') ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    say "Installing with apt-get:$missing"
    mkdir -p "$src/build"
    aptlog=$src/build/apt.log
    export DEBIAN_FRONTEND=noninteractive
    # apt-get update may fail for one source of many, and lists may be fresh enough: what counts is the install.
    apt-get -qq -o Acquire::Retries=3 update >>"$aptlog" 2>&1 || say "  (apt-get update complained; trying to install all the same)"
    # shellcheck disable=SC2086
    if ! apt-get -y -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 --no-install-recommends install $missing >>"$aptlog" 2>&1; then
        say
        tail -n 15 "$aptlog" | sed 's/^/    /' >&2
        if grep -qE 'Temporary failure resolving|Could not (resolve|connect)|Network is unreachable|Failed to fetch|Unable to (connect|locate package)' "$aptlog"; then
            die "could not fetch$missing: is there a network, and are apt's sources right? (whole log: $aptlog)"
        fi
        die "apt-get could not install$missing (whole log: $aptlog)"
    fi
}

BUILD_PACKAGES="autoconf automake make gcc libc6-dev libyajl-dev libcap-dev libseccomp-dev libapparmor-dev"

# build DIRECTORY [CONFIGURE-FLAG...]: out of tree; a second time only what changed.
build() {
    dir=$1
    shift
    mkdir -p "$dir"
    log=$dir/build.log
    say "Building in $dir (log: $log)"
    : >"$log"
    if [ ! -x "$src/configure" ] || [ -n "$(find "$src/configure.ac" -newer "$src/configure")" ]; then
        "$src/autogen.sh" >>"$log" 2>&1 || build_failed autogen.sh
    fi
    if [ ! -f "$dir/Makefile" ] || [ "$(cat "$dir/configured-with" 2>/dev/null)" != "$*" ]; then
        (cd "$dir" && "$src/configure" "$@") >>"$log" 2>&1 || build_failed configure
        printf '%s' "$*" >"$dir/configured-with"
    fi
    make -C "$dir" -j"$(nproc)" >>"$log" 2>&1 || build_failed make
    give_back "$dir"
}

build_failed() {
    tail -n 25 "$log" | sed 's/^/    /' >&2
    give_back "$dir"
    die "$1 failed (whole log: $log)"
}

# With sudo in somebody's clone: what was made belongs to them.
give_back() {
    if [ -n "${SUDO_UID:-}" ] && [ "$(stat -c %u "$src")" = "$SUDO_UID" ]; then
        for path in "$1" build build-aux autom4te.cache configure Makefile.in aclocal.m4 config.h.in; do
            case $path in /*) ;; *) path=$src/$path ;; esac
            [ ! -e "$path" ] || chown -hR "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$path"
        done
    fi
}

# Sets $busybox to a static one. Debian's packages busybox and busybox-static exclude each other, and an initramfs may
# want the first: it is left alone then, and the other one is unpacked into the build directory.
need_busybox() {
    for busybox in /bin/busybox /usr/bin/busybox "$src/build/busybox-static/bin/busybox" "$src/build/busybox-static/usr/bin/busybox"; do
        # A dynamic program names its loader in the first block.
        if [ -x "$busybox" ] && ! head -c 4096 "$busybox" | grep -q 'ld-linux\|/lib/ld'; then
            return 0
        fi
    done
    if [ "$(dpkg-query -W -f='${Status}' busybox 2>/dev/null)" = 'install ok installed' ]; then
        say "Unpacking busybox-static (not installed: busybox is)"
        mkdir -p "$src/build/busybox-static"
        (cd "$src/build/busybox-static" && apt-get -qq update && apt-get -qq download busybox-static && dpkg-deb -x busybox-static_*.deb .) \
            >"$src/build/apt.log" 2>&1 || die "could not fetch busybox-static: is there a network? (log: $src/build/apt.log)"
        for busybox in "$src"/build/busybox-static/bin/busybox "$src"/build/busybox-static/usr/bin/busybox; do
            [ ! -x "$busybox" ] || return 0
        done
        die "busybox-static has no busybox where it was expected: $src/build/busybox-static"
    fi
    need_packages busybox-static
    busybox=/bin/busybox
    [ -x $busybox ] || busybox=/usr/bin/busybox
}
