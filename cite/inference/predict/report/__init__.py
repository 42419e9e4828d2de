"""``report.html``: all slides of a folder of answers."""
