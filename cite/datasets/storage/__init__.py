"""Stored pixels and features: cache, packed file, feature files, batch memory."""
