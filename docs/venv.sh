#!/bin/sh
# Makes .venv with Python 3.11 or newer; on Debian as root it installs what the system's Python lacks for that.
set -eu
for python in python3 python3.13 python3.12 python3.11; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
    python=
done
[ -n "$python" ] || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
[ -x .venv/bin/pip ] && exit 0
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    [ "$(id -u)" = 0 ] || { echo "python3-venv is needed: apt-get install python3-venv" >&2; exit 1; }
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv >&2
fi
"$python" -m venv .venv
