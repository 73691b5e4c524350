#!/bin/sh
# Pins every dependency with hashes. Versions that are locked stay unless pyproject.toml asks for newer ones;
# scripts/lock.sh --upgrade moves all of them on. Needs uv: pip install uv, or https://docs.astral.sh/uv/.
set -eu
command -v uv >/dev/null 2>&1 || {
    echo "make lock needs uv. Get it with: python3 -m pip install uv (or see https://docs.astral.sh/uv/)" >&2
    exit 1
}
lock() {
    uv pip compile -q pyproject.toml --generate-hashes --no-emit-index-url --no-header --no-annotate \
        --universal --python-version 3.11 "$@"
}
lock "$@" -o requirements/runtime.lock
lock "$@" --extra dev -c requirements/runtime.lock -o requirements/dev.lock
