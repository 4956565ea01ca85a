"""Real processes at the ledger, all at once."""
