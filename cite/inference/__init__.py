"""The model that is passed on, and its answers about slides."""
