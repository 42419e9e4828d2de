#!/usr/bin/env bash
# Make the virtual environment of a stack:
#   make_env.sh auto|reference|modern|current [FOLDER]
#
# auto takes the stack that drives the GPU of this machine. MMCV=full compiles mmcv-full
# for the reference stack where no wheel of it can be had.
#
# FOLDER/.cite-env describes the content of the folder. It has no digest while the
# environment is being made, so that an interrupted set-up is not taken for a finished
# one; afterwards it has the digest of everything that went into the environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ASKED=${1:-auto} VENV=${2:-.venv}
export MMCV=${MMCV:-}
STAMP=$VENV/.cite-env
PYTHON=$VENV/bin/python

say() { echo "env: $*"; }
die() {
  say "$@" >&2
  exit 1
}

digest() { # includes the checkout's path, because an environment cannot be moved
  { echo "$ASKED $MMCV" && pwd -P && cat requirements.txt requirements/*.txt \
    tools/env/*.sh cite/apis/mmcv_build/*.py \
    cite/apis/mmcv_build/*/*.py setup.py; } | sha256sum | cut -d ' ' -f 1
}

stamped() { # KEY: its value in the stamp
  sed -n "s/^$1=//p" "$STAMP" 2>/dev/null
}

patiently() { # COMMAND...: run it, and say every 10 seconds that it still works
  local start=$SECONDS pid
  "$@" <&0 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - start)) -ge 10 ]; then
      start=$SECONDS
      say "after ${SECONDS} s still at work: a download, or another uv that has the lock."
    fi
  done
  wait "$pid"
}

pip_install() { patiently "$UV" pip install -q --python "$PYTHON" "$@"; }

gpus() { # their compute capabilities, one a line
  nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null || true
}

choose_stack() { # sets ASKED: torch 1.13's code is for compute capabilities up to 8.9
  local capability
  ASKED=reference
  for capability in $(gpus); do
    if [ "${capability%%.*}" -ge 9 ]; then ASKED=modern; fi
  done
  if [ -z "$(gpus)" ]; then
    say 'no GPU here: taking the reference stack, which the released code ran on.'
  else
    say "GPU of compute capability $(gpus | sort -u | paste -sd ' '): taking the $ASKED" \
      'stack, whose torch has code for it.'
  fi
}

choose_python() { # sets STACK and BASE; without a Python 3.9, the modern stack
  local version=3.11
  if [ "$STACK" = reference ]; then
    BASE=$(python_of 3.9) && return
    say 'no Python 3.9 runs here and none could be fetched: making the modern stack.'
    STACK=modern
  fi
  [ "$STACK" = modern ] || version=3.13
  BASE=$(python_of "$version") || die "no Python $version runs here and none could be" \
    'fetched: install one (for instance with pyenv or uv) and run make env again.'
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
  [ "$STACK" = reference ] || pins=requirements/$STACK.txt mmcv=$pins
  "$UV" venv -q --allow-existing --prompt "cite-$STACK" --python "$BASE" "$VENV"
  grep -v '^mmcv' "$pins" | pip_install --no-deps -r -
  tools/env/install_mmcv.sh "$UV" "$VENV" "$(grep '^mmcv' "$mmcv")"
  for site in "$VENV"/lib/python3*/site-packages; do
    if [ "$STACK" != current ] && [ -d "$site/mmcls" ]; then
      tools/env/accept_local_rank.sh "$site"
    fi
  done
  pip_install --no-deps --no-build-isolation --compile-bytecode -e . # of all packages
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
  printf '%s\n' "asked=$ASKED" "stack=$STACK" "mmcv=$MMCV" "digest=$DIGEST" >"$STAMP.new"
  mv "$STAMP.new" "$STAMP"
  say "$VENV is ready after ${SECONDS} s: $(describe)"
  next_step
}

next_step() { # what to type, unless that is done
  if [ "${VIRTUAL_ENV:-}" != "$(cd "$VENV" && pwd -P)" ]; then
    say "next: source $VENV/bin/activate"
  fi
}

describe() { echo "the $(stamped stack) stack on $("$PYTHON" --version)."; }

case $ASKED in
  auto) choose_stack ;;
  reference | modern | current) ;;
  *) die "STACK=$ASKED is unknown: STACK=reference, STACK=modern or STACK=current." ;;
esac
STACK=$ASKED
DIGEST=$(digest)
if [ "$(stamped digest)" = "$DIGEST" ] && [ -x "$PYTHON" ]; then
  say "$VENV is up to date: $(describe)"
  next_step
  exit 0
fi
say "making $VENV, the $STACK stack."
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
