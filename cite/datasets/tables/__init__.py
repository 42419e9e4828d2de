"""What a user writes: annotation files, the table of slides, classes, the folder."""
