"""A saved predictor as a service: one object, HTTP and gRPC in front of it."""
