"""RFC 5546: what parties tell each other with calendar objects."""
