"""Running the shop: what is measured of its requests, and how its books are saved and brought back."""
