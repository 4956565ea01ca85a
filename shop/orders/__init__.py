"""Basket, checkout, order and its life."""
