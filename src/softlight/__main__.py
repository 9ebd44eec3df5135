"""``python -m softlight`` is ``softlight``."""

from softlight.apps.cli import main

if __name__ == "__main__":
    main()
