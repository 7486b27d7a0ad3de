"""Flower's settings: the list shows which chunk of which set, on which backend, and its outcome.

The client writes set name, chunk and backend into a task's ``args``; the task's result is the
chunk's status.
"""

tasks_columns = "name,args,state,result,received,runtime,worker,uuid"
natural_time = False

# A chunk has two tasks; older ones leave the list, never the store.
max_tasks = 20_000
