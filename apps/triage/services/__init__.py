"""What people do with cases and with their views of them."""
