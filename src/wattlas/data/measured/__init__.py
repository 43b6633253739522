"""Operating points from what people measured: a registry of layouts, one reader, one converter."""
