"""Fail unless the watcher of this machine has announced itself lately."""

import os
import socket
import sys

from jobset_protocol.store import connect

alive = connect(os.environ["JOBSET_URL"], patience_seconds=5.0).workers()
here = socket.gethostname()
sys.exit(not any(each.role == "watcher" and each.hostname == here for each in alive))
