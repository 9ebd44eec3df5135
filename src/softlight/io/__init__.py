"""Reading and writing images, movies, labels and annotations."""
