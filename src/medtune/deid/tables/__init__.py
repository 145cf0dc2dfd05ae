"""Tables of names, places and words, and the program that makes them."""
