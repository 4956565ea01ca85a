"""What the worker does with a sheet: read it and store its sales piece by piece, and confirm them piece by piece."""
