#!/bin/sh
# The program redis-server, for comparing with Celery, from the system's packages.
set -eu
command -v redis-server >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The comparison with Celery needs redis-server. Install it, for example: sudo apt-get install redis-server" >&2
    exit 1
fi
echo "installing redis-server for the comparison with Celery; where the package starts a service of its own," \
    "'systemctl disable --now redis-server' ends it" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends redis-server >/dev/null
