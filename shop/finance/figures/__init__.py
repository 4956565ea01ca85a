"""Totals that people look at: chosen, cut, compared, drawn and exported."""
