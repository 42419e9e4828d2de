"""What every room above uses; knows no other room."""
