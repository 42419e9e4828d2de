#!/usr/bin/env bash
# Install Debian packages where that is possible: apt_install.sh PACKAGE...
set -euo pipefail

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "This machine lacks $*. Install it; on Debian and Ubuntu:" \
    "sudo apt-get install $*" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qq -y --no-install-recommends "$@" </dev/null >/dev/null; }

echo "Installing $* through apt-get."
# The package lists of a fresh container are empty, those of an old one out of date.
install "$@" 2>/dev/null || { apt-get update -qq && install "$@"; }
