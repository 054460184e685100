#!/bin/sh
# Makes the virtual environment, installs Pileus with what the demo and the tests need, and compiles
# the AWS shapes of the rooms. Runs again only when pyproject.toml or requirements.lock changed.
set -eu
python=$1
venv=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Pileus needs Python 3.11 or newer as '$python'." >&2
    echo "On Debian: apt-get install python3 python3-venv; elsewhere: make PYTHON=/path/to/python3" >&2
    exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
    echo "Making $venv ..."
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        rm -rf "$venv"
        echo "'$python -m venv' does not work here. On Debian: apt-get install python3-venv" >&2
        exit 1
    fi
fi
echo "Installing (the first time takes a minute or two) ..."
# Errors only: pip warns once for each package of each place it was told to look in and that is not there.
install="$venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check"
$install -r requirements.lock
$install --no-deps -e .
# An editable install compiles nothing, and sources compiled at every start cost half a second.
"$venv/bin/python" -m compileall -q src/pileus
"$venv/bin/python" -m pileus.cli.prepare
