"""Canteens: acceptance of delivered goods."""
