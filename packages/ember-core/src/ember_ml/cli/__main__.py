"""``python -m ember_ml.cli``."""

import sys

from ._main import main

sys.exit(main())
