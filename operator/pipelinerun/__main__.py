"""``python -m pipelinerun``."""

from pipelinerun.cli.app import main

if __name__ == "__main__":
    main()
