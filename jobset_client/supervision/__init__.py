"""The parts of a local cluster: its directory, its records, its processes.

Nothing here imports qiskit, redis or Celery: the supervisor stays small and starts at once.
"""
