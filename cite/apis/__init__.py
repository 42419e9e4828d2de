"""What commands and notebooks call."""
