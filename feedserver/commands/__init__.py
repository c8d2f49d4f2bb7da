"""The commands of the contract: the one place that picks real parts. Each file holds commands of one kind."""
