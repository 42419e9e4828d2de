#!/usr/bin/env bash
# Install mmcv into an environment that has torch: install_mmcv.sh UV VENV SPEC
#
# SPEC is `mmcv-full==VERSION` or `mmcv==VERSION`. mmcv-full is mmcv with compiled
# operators, which this package does not use: without a prebuilt wheel, mmcv serves as
# well, in seconds. MMCV=full compiles mmcv-full, in minutes. Both build only where the
# packages that they import are already installed, hence without build isolation; uv keeps
# the wheel for the next time. cite/apis/mmcv_build/ lets mmcv's setup.py run on current
# Pythons.
set -euo pipefail

UV=$1 VENV=$2 SPEC=$3
PYTHON=$VENV/bin/python
PATH=$(cd "$VENV" && pwd)/bin:$PATH # ninja is there, and compiles on all cores

HELP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/cite/apis/mmcv_build
# Only where it is needed: a `pkg_resources` in front of setuptools' own would hide it.
lacks_pkg_resources() { ! "$PYTHON" -W ignore -c 'import pkg_resources' 2>/dev/null; }
if lacks_pkg_resources; then HELP=$HELP:$HELP/pkg_resources_only; fi
export PYTHONPATH=$HELP${PYTHONPATH:+:$PYTHONPATH}

install() {
  "$UV" pip install -q --python "$PYTHON" --no-deps --no-build-isolation "$@"
}

prebuilt_page() { # where OpenMMLab keeps the wheels for this torch, if it answers
  timeout 60 "$PYTHON" - <<'PYTHON'
import os
import sys
import urllib.request

import torch

cuda = torch.version.cuda
device = 'cu' + cuda.replace('.', '') if cuda else 'cpu'
version = torch.__version__.split('+')[0]
page = os.environ.get('MMCV_FIND_LINKS') or (
    f'https://download.openmmlab.com/mmcv/dist/{device}/torch{version}/index.html'
)
try:
    urllib.request.urlopen(page, timeout=5).close()
except OSError:
    sys.exit(1)
print(page)
PYTHON
}

can_compile() { # a C++ compiler with its library, and the headers of this Python
  local include
  include=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  "${CXX:-c++}" -x c++ -fsyntax-only -I "$include" - 2>/dev/null <<'CPP'
#include <vector>
#include <Python.h>
CPP
}

compile() { # for the CPU: where it sees a GPU it asks for the CUDA toolkit
  CUDA_VISIBLE_DEVICES='' FORCE_CUDA=0 MMCV_WITH_OPS=1 \
    MAX_JOBS=${MAX_JOBS:-$(getconf _NPROCESSORS_ONLN)} install "$SPEC"
}

if [[ $SPEC != mmcv-full* ]]; then
  install "$SPEC"
  exit 0
fi
if page=$(prebuilt_page 2>/dev/null) &&
  install --only-binary mmcv-full --find-links "$page" "$SPEC" 2>/dev/null; then
  echo "$SPEC: prebuilt wheel."
elif [ "${MMCV:-}" != full ]; then
  echo "$SPEC: no prebuilt wheel in reach: taking ${SPEC/-full/}, which serves as well" \
    '(make env MMCV=full compiles mmcv-full, in minutes).'
  install "${SPEC/-full/}"
elif can_compile; then
  echo "$SPEC: no prebuilt wheel in reach; compiling it (minutes, once for this machine)."
  compile && exit 0
  echo "$SPEC did not compile (see above): taking ${SPEC/-full/}, which serves as well."
  install "${SPEC/-full/}"
else
  echo "$SPEC: no prebuilt wheel in reach, and no C++ compiler with the headers of" \
    "Python: taking ${SPEC/-full/}, which serves as well."
  install "${SPEC/-full/}"
fi
