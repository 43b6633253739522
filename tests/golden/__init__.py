"""One readable program per equation; WATTLAS_GOLDEN=write writes them anew."""
