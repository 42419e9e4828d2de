"""Where pixels and features lie: cache, packed file, feature files, batch memory."""
