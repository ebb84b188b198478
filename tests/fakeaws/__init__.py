"""An AWS account on this machine: moto for the API, real containers behind it.

moto answers the calls but runs nothing. Here the services of ECS get a scheduler that starts real
containers on the Docker Engine, target groups get real probes, load balancers a real proxy, ECR a
real registry. `python -m tests.fakeaws` runs all of it in one process; `simulator.Simulator` starts
that process and says where it listens. It patches internals of the pinned moto.
"""
