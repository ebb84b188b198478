"""Door 1: git over SSH. Receives pushes, serves clones; knows nothing of builds."""
