#!/bin/sh
# libfaketime, by which the chaos run moves the wall clock of running processes, from the system's packages.
set -eu
for found in /usr/lib/faketime/libfaketimeMT.so.1 /usr/lib/*/faketime/libfaketimeMT.so.1 \
    /usr/lib64/faketime/libfaketimeMT.so.1 /usr/local/lib/faketime/libfaketimeMT.so.1; do
    if [ -e "$found" ]; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The chaos run moves clocks with libfaketime. Install it, for example: sudo apt-get install libfaketime" >&2
    exit 1
fi
echo "installing libfaketime for the chaos run"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends libfaketime >/dev/null
