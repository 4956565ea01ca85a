"""What left the store: parcels of an order, on their way or taken back."""
