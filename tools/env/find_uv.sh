#!/usr/bin/env bash
# Print the path of uv; where the machine has none, install it into .venv-tools first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

TOOLS=$PWD/.venv-tools

works() { "$1" --version >/dev/null 2>&1; }

with_venv() { # uv into a virtual environment of its own
  python3 -m venv --clear "$TOOLS" && "$TOOLS/bin/python" -m pip install -q uv
}

with_pip() { # Debian's python3 may have pip and no venv
  rm -rf "$TOOLS"
  python3 -m pip install -q --target "$TOOLS" uv
}

if command -v uv >/dev/null && works uv; then
  command -v uv
  exit 0
fi
if ! works "$TOOLS/bin/uv"; then
  echo 'There is no uv on PATH: installing it into .venv-tools.' >&2
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  with_venv >"$log" 2>&1 || with_pip >>"$log" 2>&1 ||
    { tools/env/apt_install.sh python3-venv >&2 && with_venv >>"$log" 2>&1; } || {
    cat "$log" >&2
    echo 'No uv, and python3 (3.8 or later, with venv or pip) could not install it:' \
      'see above, or install uv yourself and run make again.' >&2
    exit 1
  }
fi
echo "$TOOLS/bin/uv"
