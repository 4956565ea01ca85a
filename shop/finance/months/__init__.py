"""Month end: closing the months of the books, opening them again, and the seal that covers them."""
