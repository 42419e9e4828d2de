#!/usr/bin/env bash
# tools/env/accept_local_rank.sh SITE_PACKAGES
#
# `mim train … --launcher pytorch` starts ranks with torch.distributed.launch, which passes
# --local-rank since torch 2.0; mmcls 0.25.0, its last version, accepts only --local_rank
# and parses its arguments before it reads a config. This makes it accept both.
set -euo pipefail

for tool in train test; do
  file=$1/mmcls/.mim/tools/$tool.py
  sed -i "s/add_argument('--local_rank', type/add_argument('--local-rank', '--local_rank', type/" "$file"
  grep -q "'--local-rank', '--local_rank'" "$file" ||
    { echo "$file has no --local_rank: is this mmcls 0.25.0?" >&2; exit 1; }
done
