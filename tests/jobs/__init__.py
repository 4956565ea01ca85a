"""The job queue, its worker, and what is measured of both."""
