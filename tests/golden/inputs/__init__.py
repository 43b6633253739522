"""What the golden files of readers and importers are made of."""
