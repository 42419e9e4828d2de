"""The demo: synthetic slides, small models, and the commands of a user on them."""
