"""A loopback quantum service."""

import sys

from worker.providers.fake_service import main

if __name__ == "__main__":
    sys.exit(main())
