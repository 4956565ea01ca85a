"""What is for sale: producers, products, packs, prices, stock, search."""
