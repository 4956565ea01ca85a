"""The first pages of finance and of the operator: what arrived, what waits, what disagrees."""
