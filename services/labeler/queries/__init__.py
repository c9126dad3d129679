"""Which pairs are asked, who has which of them until when, and gold among them."""
