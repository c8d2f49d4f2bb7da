"""Use cases: one transaction each; they alone write the outbox."""
