"""What ``cite predict`` writes of a slide, each file from arrays."""
