"""Commands of upkeep."""

COMMANDS = ()
