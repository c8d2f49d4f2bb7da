"""What goes out to other servers than the relay: CalDAV collections, webhooks, chat channels."""
