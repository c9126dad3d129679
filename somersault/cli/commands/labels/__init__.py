"""The commands about answers and those who give them."""
