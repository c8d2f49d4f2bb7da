"""RFC 6047: how such a message looks as mail."""
