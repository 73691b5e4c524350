#!/bin/sh
# Others' published code that ours is tested against (tests/vendor_code), exactly as locked: Shopify's webhook check, and
# axe, the accessibility checker. Quick when it is there.
set -eu
cd "$(dirname "$0")/../tests/vendor_code"
stamp=node_modules/.installed
if [ -f "$stamp" ] && [ ! package-lock.json -nt "$stamp" ]; then exit 0; fi
if ! command -v npm >/dev/null 2>&1; then
    echo "Shopify's own webhook check and axe, the accessibility checker, need Node.js 20 or newer with npm." >&2
    if [ "${CI:-}" = true ]; then exit 1; fi
    echo "npm is not here: the tests that need them will be skipped. Install Node.js to run it, for example: apt-get install npm" >&2
    exit 0
fi
echo "installing the vendors' own code for the tests"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
touch "$stamp"
