#!/bin/sh
# Installs what the system lacks for somersault, on Debian and Ubuntu with root or passwordless sudo. Elsewhere it says
# what is missing and goes on: nothing here is needed to install the Python packages. Safe to run again; when
# nothing is missing it only looks.
#
#   libosmesa6, or libegl1 with libgl1-mesa-dri   render clips without a screen
#   chromium                                      the page's tests
#   strace, faketime                              tests of power loss, slow disks and other clocks; without them these are left out
#   python3.11-venv                               makes .venv where Python comes without ensurepip
set -u

python=${PYTHON:-python3.11}
missing=""

need() { missing="$missing $1"; }

has_library() {
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q "$1"
}

has_driver() {
    for folder in /usr/lib/*/dri /usr/lib/dri /usr/lib64/dri; do
        [ -d "$folder" ] && [ -n "$(ls -A "$folder" 2>/dev/null)" ] && return 0
    done
    return 1
}

has_library 'libOSMesa\.so' || need libosmesa6
has_library 'libEGL\.so\.1' || need libegl1
has_driver || need libgl1-mesa-dri
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || need chromium
command -v strace >/dev/null 2>&1 || need strace
command -v faketime >/dev/null 2>&1 || need faketime
if ! command -v "$python" >/dev/null 2>&1; then
    need python3.11
    need python3.11-venv
elif ! "$python" -c 'import ensurepip' 2>/dev/null; then
    need "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
fi

[ -z "$missing" ] && exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        as_root="none"
    fi
fi

if [ "$as_root" = none ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this system lacks (Debian's names):$missing" >&2
    echo "setup: install them as root, then run 'somersault doctor'; going on without" >&2
    exit 0
fi

echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q >/dev/null || echo "setup: apt-get update failed; trying with the lists there are" >&2
for package in $missing; do
    # One by one: a package that this release does not have must not keep the others away.
    if ! $as_root apt-get install -y -q --no-install-recommends "$package" >/dev/null; then
        echo "setup: $package could not be installed; 'somersault doctor' says whether it matters" >&2
    fi
done
exit 0
