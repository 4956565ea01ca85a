"""Tests of the ledger, on PostgreSQL."""
