"""Source to image: recognises what an app is, plans its build, and has the engine do it."""
