#!/bin/sh
# Installs the packages of requirements/ and this project into .venv: tools/packages.sh
# Each file is compared with the hashes in the lock files. The lock files name every package, so nothing else is looked for
# (--no-deps), and the build backend is one of them (--no-build-isolation).
set -eu

cd "$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
locked() { .venv/bin/pip install -q --no-deps --require-hashes -r "requirements/$1.txt"; }

locked lock
if ! locked torch-cpu 2>/dev/null; then
    echo "setup: pip's sources hold no CPU build of torch; installing the package index's, with CUDA's libraries on Linux" >&2
    locked torch
fi
# By path, not by a finder, which comes last: beside the clone `import somersault` would be a folder without code.
.venv/bin/pip install -q -e . --no-deps --no-build-isolation --config-settings editable_mode=compat
.venv/bin/pip check -q
