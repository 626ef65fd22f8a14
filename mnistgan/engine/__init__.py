"""The machinery below the course: it imports nothing from above."""
