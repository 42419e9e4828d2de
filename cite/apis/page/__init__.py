"""What our HTML pages share: their look, sorting, and one way to render them."""
