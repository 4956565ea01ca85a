"""Sales made elsewhere with a partner's help, and their evidence."""
