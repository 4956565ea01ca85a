"""Sheets of off-platform sales: read, judged row by row, recorded in the background, and confirmed as a whole."""
