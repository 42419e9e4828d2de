"""From slide files and an exported model to answers: ``cite predict``."""
