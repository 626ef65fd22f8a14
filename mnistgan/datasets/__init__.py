"""Where pictures come from: digits, faces, chorales, and folders of your own."""
