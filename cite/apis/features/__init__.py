"""Features and pixels stored once for many runs: `cite extract` and `cite pack`."""
