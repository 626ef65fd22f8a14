"""The pages: `mnistgan site`, a website for a robot, `explore`, and `lab`."""
