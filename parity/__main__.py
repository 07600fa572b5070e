"""`python -m parity` is `parity`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:  # the working folder may have a random.py
        sys.path.append(sys.path.pop(0))
    from parity.cli import main

    sys.exit(main())
