"""Mail: written into an outbox with the change that it tells of, sent by the worker."""
