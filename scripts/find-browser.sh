#!/bin/sh
# The Chromium that the console's tests and pictures use: CROSSDOCK_CHROMIUM, or the first of these names on the path.
# Prints where it is; nothing, and 1, where there is none.
set -eu
if [ -n "${CROSSDOCK_CHROMIUM:-}" ]; then
    echo "$CROSSDOCK_CHROMIUM"
    exit 0
fi
for name in chromium chromium-browser google-chrome; do
    if command -v "$name"; then exit 0; fi
done
exit 1
