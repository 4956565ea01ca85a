"""What is on the shelves: held by orders, corrected by operators, with its history."""
