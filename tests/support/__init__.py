"""What the tests stand on: databases, the product as real processes, a browser."""
