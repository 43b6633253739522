"""The service model compiled: plain arrays in, plain arrays out."""
