"""Dated reference data: regions, partners, pairings, channels, declared figures, counting rules."""
