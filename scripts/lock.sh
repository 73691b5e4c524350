#!/bin/sh
# Pins every dependency with hashes. Needs uv (https://docs.astral.sh/uv/).
set -eu
command -v uv >/dev/null 2>&1 || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
options="--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade"
# shellcheck disable=SC2086
uv pip compile $options pyproject.toml -o requirements/runtime.lock
# shellcheck disable=SC2086
uv pip compile $options --extra dev pyproject.toml -o requirements/dev.lock
