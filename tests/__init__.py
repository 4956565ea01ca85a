"""Tests mirror the source. They go through the public function or the HTTP door, on PostgreSQL."""
