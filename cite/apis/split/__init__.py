"""The split of slides into training and evaluation files, written by `cite ann`."""
