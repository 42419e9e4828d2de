"""Metrics of each cell, their intervals and the tests between methods."""
