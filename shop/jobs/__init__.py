"""Work behind the requests: the job queue in PostgreSQL, its worker, and what an operator measures of both."""
