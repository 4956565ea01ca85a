"""Organisations and their people as pages: who manages whom, invitations, roles given and taken."""
