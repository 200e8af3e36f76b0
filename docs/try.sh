#!/bin/sh
# Installs capacity into .venv beside this checkout and runs its main job: on a shipped host, then on this machine.
set -eu
cd "$(dirname "$0")/.."
sh docs/venv.sh
.venv/bin/pip install -q .
echo "\$ capacity check --example incident-before"
.venv/bin/capacity check --example incident-before || true
echo
echo "\$ capacity check /"
.venv/bin/capacity check / || true
