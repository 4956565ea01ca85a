"""Operations of the ledger that are broken off at any message, and what is in the books then."""
