"""RFC 5545, 7986 and 9074: calendar objects as bytes."""

PRODID = "-//feedserver//feedserver//EN"
