"""The adapters of an AWS account: ECS runs dynos, load balancers and DNS route to them."""
