"""Pictures of what was found, and one self-contained page that shows them."""
