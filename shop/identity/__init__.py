"""People who sign in, their organisations and roles, API tokens, the audit trail."""
