"""Where finance finds a place for money that waits: the queue, and one receipt with what can be done."""
