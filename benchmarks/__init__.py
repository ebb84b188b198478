"""What is measured against a floor, each printing both. `scripts/bench` runs them all."""
