"""Eyes for a language model: a frozen encoder, a trained projector, images as tokens of their own.

An image is 49 token ids past the vocabulary, which only the input layer knows how to turn into
vectors. So whatever works on ids (packing, shared beginnings, scoring, generation, resuming) works
on images as it does on text.
"""
