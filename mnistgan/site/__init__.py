"""A little website for a robot: `make site`. It needs `pip install mnistgan[site]`."""
