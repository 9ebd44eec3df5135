"""What the linking benchmark is made of: the movie, one runner a tool, the scores."""
