"""Sheets as bytes, as rows of text, and as the fields of a sale. Pure: no session, no clock."""
