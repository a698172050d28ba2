#!/bin/sh
# Make .venv and install SimCraft into it: `sh scripts/setup.sh` for use, `sh scripts/setup.sh dev` for tests too.
# Needs git, make and a Python 3.11 with venv, or uv, which brings its own Python. All else happens here.
set -eu
cd "$(dirname "$0")/.."

is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

if [ ! -x .venv/bin/python ] || ! is_311 .venv/bin/python; then
    python=""
    for candidate in python3.11 python3 python; do
        if is_311 "$candidate"; then python=$candidate; break; fi
    done
    if [ -n "$python" ]; then
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
                apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
            else
                echo "setup: Python has no venv module. Run: sudo apt-get install python3-venv" >&2; exit 2
            fi
        fi
        "$python" -m venv --clear .venv
    elif command -v uv >/dev/null; then
        uv venv --quiet --clear --seed --python 3.11 .venv
    else
        echo "setup: Python 3.11 was not found. Install it (Debian 12: sudo apt-get install python3 python3-venv), or" \
             "install uv (https://docs.astral.sh/uv/), which brings it, and run make again." >&2
        exit 2
    fi
fi
exec .venv/bin/python scripts/setup_env.py "$@"
