"""What a comparison runs: its config, its jobs, and which slides they may use."""
