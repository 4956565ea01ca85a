"""A buyer's address book."""
