#!/bin/sh
# A virtual environment with exactly the locked packages, and this source tree on its path. $1 python, $2 where, $3 lock
set -eu
python=$1 where=$2 lock=$3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Crossdock needs Python 3.11 or newer; '$python' is $("$python" -V 2>&1). Say which: make PYTHON=python3.12" >&2
    exit 1
}
rm -rf "$where"
"$python" -m venv "$where" || {
    echo "The virtual environment could not be made. On Debian: apt-get install python3-venv" >&2
    exit 1
}
echo "installing the packages of $lock (hashes checked)"
"$where/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock"
# A .pth file instead of an editable install: nothing is built, so nothing unlocked is downloaded.
site=$("$where/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$(pwd)/src" > "$site/crossdock-source.pth"
printf '#!/bin/sh\nexec "%s" -m crossdock.cli "$@"\n' "$(pwd)/$where/bin/python" > "$where/bin/crossdock"
chmod +x "$where/bin/crossdock"
touch "$where/ready"
