"""The simulation itself: that it repeats itself to the byte, and that its campaigns find what is there."""
