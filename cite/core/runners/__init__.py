"""mmcv's runners, registered anew: checkpoints are whole, resuming is exact."""
