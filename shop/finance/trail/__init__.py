"""The audit trail for those who watch: who did what to what, when, and what it was before and after."""
