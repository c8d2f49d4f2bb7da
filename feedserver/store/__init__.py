"""Rows (SQLAlchemy): one file a noun."""
