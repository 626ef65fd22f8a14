"""What is played with in a notebook: sliders, maps, and a canvas to draw on."""
