#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure out of configure.ac. Needed once after a git clone; `make` keeps it up to date afterwards.
set -eu
cd "$(dirname "$0")"

for tool in autoconf automake autoreconf; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "autogen.sh: $tool is missing; on Debian: apt-get install autoconf automake" >&2
        exit 1
    fi
done

autoreconf --install --force --warnings=all,no-obsolete
echo "Now: mkdir -p build && cd build && ../configure && make"
