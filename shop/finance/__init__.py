"""Pages and API over the ledger, for those who sign the figures."""
