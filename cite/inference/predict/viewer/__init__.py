"""The page on which a slide's tiles are looked at."""
