"""Money for orders: bank transfer and on account."""
