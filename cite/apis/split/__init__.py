"""The split of slides into training and evaluation files: what `cite ann` writes."""
