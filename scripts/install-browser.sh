#!/bin/sh
# A Chromium for the console's tests, from the system's packages.
set -eu
if "${0%/*}/find-browser.sh" >/dev/null; then exit 0; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The console's tests need a Chromium. Install one, for example: sudo apt-get install chromium" >&2
    exit 1
fi
echo "installing Chromium for the console's tests"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
