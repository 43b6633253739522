"""A live plane to look at: simulated regions, a sample client, and a page, on a fast clock."""
