"""Finding goods: what was typed and what was meant, filters with their counts, suggestions, the season calendar."""
