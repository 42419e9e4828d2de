#!/usr/bin/env bash
# Print a Python of the version asked for that runs: find_python.sh 3.9
#
# The first one on PATH may not run: pyenv puts a `python3.9` there that only reports that
# another version is selected. It prints the base interpreter, never that of a virtual
# environment, because an active environment may be the one about to be replaced.
set -euo pipefail

runs() { # CANDIDATE VERSION: the base interpreter, if it has what torch and mmcv import
  "$1" - "$2" 2>/dev/null <<'PYTHON'
import bz2, ctypes, lzma, ssl, sys, zlib

if '%d.%d' % sys.version_info[:2] != sys.argv[1]:
    sys.exit(1)
print(getattr(sys, '_base_executable', sys.executable))
PYTHON
}

candidates() { # VERSION: paths, one a line, the likeliest first
  local root
  type -ap "python$1" python3 python || true
  for root in "${PYENV_ROOT:-}" "$(pyenv root 2>/dev/null || true)" "$HOME/.pyenv"; do
    if [ -n "$root" ]; then
      ls -d "$root/versions/$1"*/bin/"python$1" 2>/dev/null || true
    fi
  done
}

while read -r candidate; do
  if python=$(runs "$candidate" "$1"); then
    echo "$python"
    exit 0
  fi
done < <(candidates "$1")
exit 1
