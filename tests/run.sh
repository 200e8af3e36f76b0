#!/bin/sh
# Installs capacity with its tests into .venv and runs them. As root on Debian it installs the real programs from
# Debian's packages, and the tests marked `real` start them on their own files and sockets; elsewhere those tests are
# named at the end as not run.
set -eu
cd "$(dirname "$0")/.."
sh docs/venv.sh
.venv/bin/pip install -q -e ".[test]"

packages="php8.2-fpm php8.2-opcache php8.2-mysql php8.2-xml php8.2-gd php8.2-intl php8.2-mbstring php8.2-curl php-apcu
mariadb-server nginx-light libfcgi-bin systemd"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && grep -q 'VERSION_ID="12"' /etc/os-release; then
    if ! dpkg -s $packages >/dev/null 2>&1; then
        # the packages must not start servers of their own: the tests start theirs
        policy=/usr/sbin/policy-rc.d
        [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; ours=$policy; }
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages >/dev/null
        [ -z "${ours:-}" ] || rm -f "$ours"
    fi
    .venv/bin/python -m pytest -q -n 2 -m "not real"
    .venv/bin/python -m pytest -q -m real -s
else
    .venv/bin/python -m pytest -q -n auto -m "not real"
    count=$(.venv/bin/python -m pytest -q -m real --collect-only | grep -c '::' || true)
    echo "NOT RUN: $count tests marked real; they install and start php-fpm, mariadbd and nginx, as root on Debian 12"
fi
