"""How replicas serve requests: the model of one operating point, and a pool of its replicas."""
