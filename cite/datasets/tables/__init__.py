"""Files that users write: annotations, the table of slides, classes, patches."""
