"""Find the Chromium that is installed on this machine."""

import shutil

NAMES = ('chromium', 'chromium-headless-shell', 'chromium-browser', 'google-chrome')


def find_chromium():
    """Return its path, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
