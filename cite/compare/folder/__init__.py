"""A comparison's folder on disk: what is written for each job, and read back."""
