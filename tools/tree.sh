#!/bin/sh
# Tells whether something changed the tree: tools/tree.sh note FILE, and later tools/tree.sh check FILE
# Looks at what git tracks or would track. Without git, as in an unpacked archive, it says nothing.
set -eu

cd "$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
git rev-parse --is-inside-work-tree >/dev/null 2>&1 || exit 0

# A line a file that is there: its path and the hash of its content.
list() {
    git ls-files --cached --others --exclude-standard | sort -u | while IFS= read -r path; do
        if [ -f "$path" ]; then printf '%s\n' "$path"; fi
    done >"$1.paths"
    git hash-object --no-filters --stdin-paths <"$1.paths" | paste "$1.paths" - >"$1"
    rm "$1.paths"
}

case "$1" in
    note) list "$2" ;;
    check)
        list "$2.now"
        changed=$(diff "$2" "$2.now" | sed -n 's/^[<>] \(.*\)\t[0-9a-f]*$/\1/p' | sort -u)
        rm "$2" "$2.now"
        if [ -n "$changed" ]; then
            echo "the tests changed the tree; make whichever wrote these leave them as they were:" >&2
            printf '%s\n' "$changed" | sed 's/^/  /' >&2
            exit 1
        fi
        ;;
    *) echo "tree.sh: note or check, not '$1'" >&2; exit 2 ;;
esac
