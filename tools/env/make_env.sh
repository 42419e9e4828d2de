#!/usr/bin/env bash
# Make the virtual environment of a stack: make_env.sh reference|modern [FOLDER]
#
# FOLDER/.cite-env describes the content of the folder. It has no digest while the
# environment is being made, so that an interrupted set-up is not taken for a finished
# one; afterwards it has the digest of everything that went into the environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ASKED=${1:-reference} VENV=${2:-.venv}
STAMP=$VENV/.cite-env
PYTHON=$VENV/bin/python

say() { echo "env: $*"; }
die() {
  say "$@" >&2
  exit 1
}

digest() { # includes the checkout's path, because an environment cannot be moved
  { echo "$ASKED" && pwd -P && cat requirements.txt requirements/m*.txt tools/env/*.sh \
    setup.py; } | sha256sum | cut -d ' ' -f 1
}

stamped() { # KEY: its value in the stamp
  sed -n "s/^$1=//p" "$STAMP" 2>/dev/null
}

pip_install() { "$UV" pip install -q --python "$PYTHON" "$@"; }

choose_python() { # sets STACK and BASE; without a Python 3.9, the modern stack
  if [ "$STACK" = reference ]; then
    BASE=$(python_of 3.9) && return
    say 'no Python 3.9 runs here and none could be fetched: making the modern stack.'
    STACK=modern
  fi
  BASE=$(python_of 3.11) || die 'no Python 3.11 runs here and none could be fetched:' \
    'install one (for instance with pyenv or uv) and run make env again.'
}

python_of() { # VERSION: a Python of this machine, else one that uv fetches
  tools/env/find_python.sh "$1" && return
  UV_PYTHON_INSTALL_BIN=0 "$UV" python install -q "$1" 2>/dev/null &&
    "$UV" python find -q --python-preference only-managed "$1"
}

begin() { # empties the folder if we made it; an interrupt leaves it marked as ours
  if [ -e "$VENV/pyvenv.cfg" ] && [ ! -e "$STAMP" ]; then
    die "$VENV is an environment that make env did not make. Move it away, or name" \
      'another folder: make env VENV=.venv-cite'
  fi
  if [ -e "$STAMP" ]; then : >"$STAMP"; fi
  rm -f "$VENV/pyvenv.cfg"
  rm -rf "$VENV"
  mkdir -p "$VENV"
  : >"$STAMP"
}

install() {
  local pins=requirements.txt mmcv=requirements/mmcv.txt site
  [ "$STACK" = reference ] || pins=requirements/modern.txt mmcv=$pins
  "$UV" venv -q --allow-existing --prompt "cite-$STACK" --python "$BASE" "$VENV"
  grep -v '^mmcv' "$pins" | pip_install --no-deps --compile-bytecode -r -
  tools/env/install_mmcv.sh "$UV" "$VENV" "$(grep '^mmcv' "$mmcv")"
  for site in "$VENV"/lib/python3*/site-packages; do
    if [ -d "$site/mmcls" ]; then tools/env/accept_local_rank.sh "$site"; fi
  done
  pip_install --no-deps --no-build-isolation -e .
}

check_opencv() { # the only package that needs libraries of the system
  local error
  if ! error=$("$PYTHON" -c 'import cv2' 2>&1); then
    [[ $error == *'.so'* ]] || die "$error"
    tools/env/apt_install.sh libgl1 libglib2.0-0 ||
      die "OpenCV does not load: ${error##*$'\n'}"
    "$PYTHON" -c 'import cv2'
  fi
}

finish() {
  printf '%s\n' "asked=$ASKED" "stack=$STACK" "digest=$DIGEST" >"$STAMP.new"
  mv "$STAMP.new" "$STAMP"
  say "$VENV is ready after ${SECONDS} s: $(describe)"
}

describe() { echo "the $(stamped stack) stack on $("$PYTHON" --version)."; }

case $ASKED in
  reference | modern) STACK=$ASKED ;;
  *) die "STACK=$ASKED is unknown: STACK=reference or STACK=modern." ;;
esac
DIGEST=$(digest)
if [ "$(stamped digest)" = "$DIGEST" ] && [ -x "$PYTHON" ]; then
  say "$VENV is up to date: $(describe)"
  exit 0
fi
say "making $VENV, the $ASKED stack."
if [ -n "$(stamped asked)" ] && [ "$(stamped asked)" != "$ASKED" ]; then
  say "it held the $(stamped asked) stack; to keep both, name a folder for one of them:" \
    "STACK=$ASKED VENV=.venv-$ASKED"
fi
UV=$(tools/env/find_uv.sh)
choose_python
begin
install
check_opencv
finish
