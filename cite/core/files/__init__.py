"""Every byte from outside, and writing whole files."""
